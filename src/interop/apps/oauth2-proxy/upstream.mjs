// The app behind oauth2-proxy: shows who the headers say is there, and links to the sign-out.
import http from 'node:http'

const { BASE_URL, CLIENT_ID, ISSUER, UPSTREAM_PORT } = process.env
// The session at the provider ends too: https://openid.net/specs/openid-connect-rpinitiated-1_0.html, section 2.
const query = new URLSearchParams({ client_id: CLIENT_ID, post_logout_redirect_uri: `${BASE_URL}/` })
const signOut = `/oauth2/sign_out?rd=${encodeURIComponent(`${ISSUER}/oauth2/logout?${query}`)}`

http
  .createServer(({ url, headers }, response) => {
    if (url === '/logout') return response.writeHead(302, { location: signOut }).end()
    const [sub, email, preferred_username] = ['user', 'email', 'preferred-username'].map(name => headers[`x-forwarded-${name}`])
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ claims: { sub, email, preferred_username } }))
  })
  .listen(Number(UPSTREAM_PORT), '127.0.0.1')
