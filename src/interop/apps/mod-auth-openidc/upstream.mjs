// The app behind Apache: shows the claims that the headers hold, and asks the module for a refresh.
import http from 'node:http'

const { BASE_URL, UPSTREAM_PORT } = process.env
const PREFIX = 'oidc_claim_'

http
  .createServer(({ url, headers }, response) => {
    if (url === '/refresh') {
      const query = new URLSearchParams({ refresh: `${BASE_URL}/secure/userinfo`, access_token: headers.oidc_access_token })
      return response.writeHead(302, { location: `${BASE_URL}/secure/redirect_uri?${query}` }).end()
    }
    const named = Object.entries(headers).filter(([name]) => name.startsWith(PREFIX))
    const claims = Object.fromEntries(named.map(([name, value]) => [name.slice(PREFIX.length), value]))
    response.setHeader('content-type', 'application/json').end(JSON.stringify(url === '/userinfo' ? claims : { claims }))
  })
  .listen(Number(UPSTREAM_PORT), '127.0.0.1')
