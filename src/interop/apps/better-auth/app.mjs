// better-auth with its plugin for any provider (genericOAuth); without a database it stores in memory.
import http from 'node:http'
import { betterAuth } from 'better-auth'
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node'
import { genericOAuth } from 'better-auth/plugins'

const { BASE_URL, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env

const { api, handler } = betterAuth({
  baseURL: BASE_URL,
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: 'postern',
          clientId: CLIENT_ID,
          clientSecret: CLIENT_SECRET,
          discoveryUrl: `${ISSUER}/.well-known/openid-configuration`,
          scopes: ['openid', 'profile', 'email', 'offline_access'],
        },
      ],
    }),
  ],
})
const account = async headers => ({ accountId: (await api.listUserAccounts({ headers }))[0].id })

// Each step gets the headers of the request. A Response names the page where its browser goes on.
const steps = {
  '/': async headers => ({ claims: (await api.getSession({ headers }))?.user ?? null }),
  '/login': headers => api.signInSocial({ body: { provider: 'postern', callbackURL: '/' }, headers, asResponse: true }),
  '/userinfo': async headers => (await api.accountInfo({ query: await account(headers), headers })).data,
  '/refresh': async headers => api.refreshToken({ body: await account(headers), headers }),
  '/logout': headers => api.signOut({ body: { callbackURL: '/' }, headers, asResponse: true }),
}

const auth = toNodeHandler(handler)
http
  .createServer(async (request, response) => {
    const step = steps[request.url]
    if (!step) return auth(request, response)
    try {
      const answer = await step(fromNodeHeaders(request.headers))
      if (answer instanceof Response) {
        const { url } = await answer.json()
        return response.writeHead(302, { location: url ?? '/', 'set-cookie': answer.headers.getSetCookie() }).end()
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    } catch (fault) {
      response.writeHead(500).end(fault.message)
    }
  })
  .listen(PORT)
