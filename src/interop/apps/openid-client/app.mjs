// openid-client, by the snippet of the preset `web`.
import http from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'

// The snippet shows the two halves of a sign-in one below the other: a module gets them as functions.
const [head, begin, finish] = readFileSync(process.env.SNIPPET, 'utf8').split(/^\/\/ (?:Sign in|At ).*$/m)
writeFileSync('snippet.mjs', `${head}
export { oidc, config }
export async function begin() {
${begin}
return { verifier, state, url } }
export async function finish(query, { verifier, state }) {
${finish}
return { tokens, person } }`)
const { oidc, config, begin: beginSignIn, finish: finishSignIn } = await import('./snippet.mjs')

// One browser at a time: what a session would keep.
let started
let tokens
let person = null

const steps = {
  '/': () => ({ claims: person }),
  '/login': async () => (started = await beginSignIn()).url,
  '/callback': async query => {
    ({ tokens, person } = await finishSignIn(query, started))
    return new URL(process.env.BASE_URL)
  },
  '/userinfo': () => oidc.fetchUserInfo(config, tokens.access_token, person.sub),
  '/refresh': async () => {
    tokens = await oidc.refreshTokenGrant(config, tokens.refresh_token)
    return { claims: tokens.claims() }
  },
  '/logout': () => {
    person = null
    return oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: `${process.env.BASE_URL}/` })
  },
}

http
  .createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, process.env.BASE_URL)
    try {
      const answer = await steps[pathname]?.(searchParams)
      if (answer instanceof URL) return response.writeHead(302, { location: answer.href }).end()
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
    } catch (fault) {
      response.writeHead(500).end(`${fault.error ?? fault.code}: ${fault.error_description ?? fault.message}`)
    }
  })
  .listen(process.env.PORT)
