// Three apps of one session are told over the back channel that it ended: one of them cannot be reached for a minute.
import net from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { App } from './app.mjs'
import { Person } from './person.mjs'
import { PORT, until } from './provider.mjs'
import { claimsShown, expect } from './scenario.mjs'

const FIRST_PORT = PORT + 60
const DOWN_SECONDS = 60

// The apps, and where each wants to be told.
const TOLD = [
  { source: 'mod-auth-openidc', name: 'told-apache', path: '/secure/redirect_uri?logout=backchannel' },
  { source: 'spring-boot', name: 'told-spring', path: '/logout/connect/back-channel/postern' },
  { source: 'spring-boot', name: 'told-late', path: '/logout/connect/back-channel/postern' },
]

// Returns what happened, a line for each app. Fails if one was told late, or has a session that lives on.
export async function signOutOfThree({ provider, browser, folder }) {
  const person = await Person.open(browser, provider)
  const apps = []
  try {
    for (const [place, told] of TOLD.entries()) apps.push(await bringUp(told, FIRST_PORT + 2 * place, { provider, folder }))
    for (const { app } of apps) {
      await person.open(app.url('login'))
      await person.signIn(app.origin)
      expect(await claimsShown(app, person), `${app.name} shows nobody signed in`)
    }
    return await signOut(apps, person)
  } finally {
    for (const { app, line } of apps) {
      app.stop()
      line.unplug()
    }
    await person.close()
  }
}

async function bringUp({ source, name, path }, port, { provider, folder }) {
  const app = await App.read(source, port, name)
  await app.install(folder)
  const line = new Line(port + 1, port)
  await line.plug()
  await app.register(provider, '--backchannel-logout-uri', `http://localhost:${port + 1}${path}`, '--backchannel-logout-session-required')
  await app.start()
  return { app, line }
}

async function signOut(apps, person) {
  const late = apps.at(-1)
  late.line.unplug()
  await person.open(`${person.provider.issuer}/oauth2/logout`)
  const start = Date.now()
  await person.confirmSignOut(person.provider.issuer)
  const report = []
  for (const { app, line } of apps.slice(0, -1)) report.push(await tell(app, line, person, start, 1000))
  expect(await claimsShown(late.app, person), `${late.app.name} knows of the sign-out without having been told`)
  await setTimeout(DOWN_SECONDS * 1000)
  await late.line.plug()
  const plugged = Date.now()
  report.push(await tell(late.app, late.line, person, start, 10 * 60 * 1000))
  return [...report, `${late.app.name} was out of reach for ${plugged - start} ms`]
}

// Waits until the app is told, and makes sure that its session is dead.
async function tell(app, line, person, start, milliseconds) {
  await until(`word to ${app.name}`, () => line.used, milliseconds / 1000 + 1)
  const after = line.used - start
  expect(after <= milliseconds, `${app.name} was told after ${after} ms`)
  await until(`the end of the session of ${app.name}`, async () => !(await claimsShown(app, person)), 10)
  return `${app.name}: told after ${after} ms, its session is dead`
}

// A cable to the port of an app that can be unplugged, and knows when it was used at first.
class Line {
  constructor(port, target) {
    Object.assign(this, { port, target })
  }

  plug() {
    this.server = net.createServer(near => {
      this.used ??= Date.now()
      const far = net.connect(this.target, '127.0.0.1')
      near.pipe(far).pipe(near)
      near.on('error', () => far.destroy())
      far.on('error', () => near.destroy())
    })
    return new Promise(resolve => this.server.listen(this.port, '127.0.0.1', resolve))
  }

  unplug() {
    this.server.close()
  }
}
