// What each client is tried with: one row of the matrix.
import { until } from './provider.mjs'

// A cell is what happened, or the reason why there is nothing to try.
const green = text => ({ state: 'ok', text })
const none = text => ({ state: 'none', text })
const red = text => ({ state: 'FAIL', text })

// The cells, in the order in which they are tried. Each gets the app, the provider, a person who signed in
// and a stranger who did not, and what the provider answered during the sign-in; it returns what it saw.
const CELLS = {
  discovery: ({ seen }) => {
    expect(seen.includes('GET /.well-known/openid-configuration 200'), 'the metadata was not read')
    return 'read'
  },
  'sign-in': ({ seen }) => {
    expect(seen.includes('POST /oauth2/token 200'), `no code was exchanged: ${seen}`)
    return 'in Chromium'
  },
  claims: async ({ app, person, provider }) => {
    const claims = await claimsShown(app, person)
    expect(claims, 'the app shows nobody signed in')
    expect(claims.email === provider.email, `the app got ${JSON.stringify(claims)}`)
    return Object.keys(claims).filter(claim => PROFILE.includes(claim)).join(' ')
  },
  userinfo: async context => {
    const { result, answers } = await visit(context, 'userinfo')
    expect(result.email === context.provider.email, `userinfo gave ${JSON.stringify(result)}`)
    const all = [...answers, ...context.seen]
    expect(all.some(answer => / \/oauth2\/userinfo 200$/.test(answer)), 'userinfo was not asked')
    return 'asked'
  },
  refresh: async context => {
    // Some refresh by age: they are asked until they do.
    const refreshed = async () => (await visit(context, 'refresh')).answers.includes('POST /oauth2/token 200')
    await until('a refresh', refreshed, 10)
    return 'rotated'
  },
  logout: async ({ app, person }) => {
    await person.open(app.url('logout'))
    // A page may go on by a script.
    await person.settle()
    await person.confirmSignOut(app.origin)
    expect(!(await person.isSignedIn()), 'the session at the provider goes on')
    expect(!(await claimsShown(app, person)), 'the app still shows somebody signed in')
    return 'both sides'
  },
  'wrong code': async ({ app, provider, stranger }) => {
    await stranger.open(app.url('login'))
    await stranger.arriveAtSignIn()
    const { answers } = await provider.answersDuring(async () => {
      await stranger.open(forgedCallback(stranger, provider))
      await stranger.settle()
    })
    const text = await stranger.text()
    expect(answers.includes('POST /oauth2/token 400'), `the forged code was not refused: ${answers}; ${text}`)
    expect(!(await claimsShown(app, stranger)), 'the app signed somebody in with a forged code')
    return text.slice(0, 100)
  },
}

// The claims that the matrix shows.
const PROFILE = ['sub', 'email', 'email_verified', 'name', 'preferred_username', 'sid']

export const COLUMNS = ['version', ...Object.keys(CELLS)]

// Tries one app; both people have a browser of their own.
export async function run({ app, provider, person, stranger }) {
  const row = {}
  let seen
  try {
    ({ answers: seen } = await provider.answersDuring(async () => {
      await app.start()
      await person.open(app.url('login'))
      await person.signIn(app.origin)
      await person.settle()
    }))
  } catch (fault) {
    return Object.fromEntries(Object.keys(CELLS).map(cell => [cell, red(cell === 'sign-in' ? fault.message : 'not reached')]))
  }
  for (const [cell, attempt] of Object.entries(CELLS)) {
    row[cell] = await tried(app, cell, () => attempt({ app, provider, person, stranger, seen }))
  }
  return row
}

async function tried(app, cell, attempt) {
  if (app.absent(cell)) return none(app.absent(cell))
  try {
    return green(await attempt())
  } catch (fault) {
    return red(fault.message)
  }
}

// The claims that the app shows; null if it shows nobody: by JSON, by 401 or 403, or by a new sign-in.
export async function claimsShown(app, person) {
  const status = await person.open(app.url('claims'))
  if (status === 401 || status === 403) return null
  await person.waitFor('claims', () => person.json(), '#identifier')
  return (await person.json())?.claims ?? null
}

const visit = ({ app, provider, person }, step) => provider.answersDuring(() => person.read(app.url(step)))

// The answer to the newest authorization request with a code that the provider never issued.
function forgedCallback(person, provider) {
  const asked = person.authorizationRequests.at(-1).searchParams
  const answer = new URLSearchParams({ code: 'forged', iss: provider.issuer })
  if (asked.has('state')) answer.set('state', asked.get('state'))
  const mark = asked.get('response_mode') === 'fragment' ? '#' : '?'
  return asked.get('redirect_uri') + mark + answer
}

export function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise)
}
