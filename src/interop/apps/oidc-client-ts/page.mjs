// What the page does at each of its paths; it shows the result as JSON.
import { users } from './snippet.mjs'

const steps = {
  '/': async () => ({ claims: (await users.getUser())?.profile ?? null }),
  '/login': () => users.signinRedirect(),
  '/callback': async () => {
    await users.signinCallback()
    location.replace('/')
  },
  '/userinfo': async () => (await users.getUser()).profile,
  '/refresh': async () => ({ claims: (await users.signinSilent()).profile }),
  '/logout': () => users.signoutRedirect(),
}

const answer = await steps[location.pathname]().catch(fault => `${fault.error ?? fault.name}: ${fault.message}`)
if (answer) document.body.innerText = typeof answer === 'string' ? answer : JSON.stringify(answer)
