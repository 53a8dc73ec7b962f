// Runs the apps under apps/ against the provider, and prints what each client could do.
//
// usage: node run.mjs POSTERN FOLDER [NAME...]
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { App } from './app.mjs'
import { matrix } from './matrix.mjs'
import { Person, openBrowser } from './person.mjs'
import { Provider } from './provider.mjs'
import { run } from './scenario.mjs'

const [postern, folder, ...names] = process.argv.slice(2)
const all = await App.all()
const unknown = names.filter(name => !all.some(app => app.name === name))
if (unknown.length > 0) {
  console.error(`there is no client ${unknown.join(', ')}: ${all.map(app => app.name).join(' ')}`)
  process.exit(2)
}
const apps = all.filter(app => names.length === 0 || names.includes(app.name))

await mkdir(folder, { recursive: true })
const provider = new Provider(postern, folder)
const rows = []
let browser
try {
  await provider.start()
  browser = await openBrowser()
  for (const app of apps) {
    console.log(`== ${app.name}`)
    rows.push({ name: app.name, ...(await tryApp(app)) })
    for (const [cell, { state, text }] of Object.entries(rows.at(-1)).filter(([cell]) => cell !== 'name')) {
      console.log(`${state.padEnd(4)} ${cell}: ${text}`)
    }
  }
} finally {
  await browser?.close()
  provider.stop()
}

const report = matrix(rows)
await writeFile(join(folder, 'matrix.txt'), report)
console.log(`\n${report}`)
const cells = rows.flatMap(row => Object.values(row)).map(cell => cell.state)
const count = state => cells.filter(cell => cell === state).length
console.log(`${count('ok')} passed, ${count('FAIL')} failed, ${count('none')} skipped`)
process.exit(count('FAIL') > 0 ? 1 : 0)

async function tryApp(app) {
  const [person, stranger] = [await Person.open(browser, provider), await Person.open(browser, provider)]
  try {
    const version = await app.install(folder)
    await app.register(provider)
    return { version: { state: 'ok', text: version }, ...(await run({ app, provider, person, stranger })) }
  } catch (fault) {
    return { version: { state: 'FAIL', text: fault.message } }
  } finally {
    app.stop()
    await person.close()
    await stranger.close()
  }
}
