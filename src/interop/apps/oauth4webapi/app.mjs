// oauth4webapi, by its example of the code flow (examples/oidc.ts) and of a refresh (examples/refresh_token.ts).
import http from 'node:http'
import * as oauth from 'oauth4webapi'

const { BASE_URL, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env
const redirectUri = `${BASE_URL}/callback`

const issuer = new URL(ISSUER)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer))
const client = { client_id: CLIENT_ID }
const clientAuth = oauth.ClientSecretPost(CLIENT_SECRET)

// One browser at a time: what a session would keep.
let started
let tokens
let person = null

async function begin() {
  person = null
  started = { verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState() }
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email offline_access',
    code_challenge: await oauth.calculatePKCECodeChallenge(started.verifier),
    code_challenge_method: 'S256',
    state: started.state,
  })
  return url
}

async function finish(query) {
  const params = oauth.validateAuthResponse(as, client, query, started.state)
  const response = await oauth.authorizationCodeGrantRequest(as, client, clientAuth, params, redirectUri, started.verifier)
  tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { requireIdToken: true })
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  person = { ...claims, ...(await userinfo(claims.sub)) }
  return new URL(BASE_URL)
}

async function userinfo(sub) {
  const response = await oauth.userInfoRequest(as, client, tokens.access_token)
  return oauth.processUserInfoResponse(as, client, sub, response)
}

async function refresh() {
  const response = await oauth.refreshTokenGrantRequest(as, client, clientAuth, tokens.refresh_token)
  tokens = await oauth.processRefreshTokenResponse(as, client, response)
  return { claims: oauth.getValidatedIdTokenClaims(tokens) }
}

const steps = {
  '/': () => ({ claims: person }),
  '/login': begin,
  '/callback': finish,
  '/userinfo': () => userinfo(person.sub),
  '/refresh': refresh,
}

http
  .createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, BASE_URL)
    try {
      const answer = await steps[pathname]?.(searchParams)
      if (answer instanceof URL) return response.writeHead(302, { location: answer.href }).end()
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
    } catch (fault) {
      response.writeHead(500).end(`${fault.error ?? fault.code}: ${fault.error_description ?? fault.message}`)
    }
  })
  .listen(PORT)
