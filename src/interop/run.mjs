// Runs the apps under apps/ against the provider, and prints what each client could do. Then signs out of three apps at
// once, over the back channel.
//
// usage: node run.mjs POSTERN FOLDER [NAME...]
//   NAME  a folder under apps/, or back-channel; without one all of them run
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { App } from './app.mjs'
import { signOutOfThree } from './backchannel.mjs'
import { matrix } from './matrix.mjs'
import { Person, openBrowser } from './person.mjs'
import { Provider } from './provider.mjs'
import { run } from './scenario.mjs'

const [postern, folder, ...names] = process.argv.slice(2)
const all = await App.all()
const known = [...all.map(app => app.name), 'back-channel']
const unknown = names.filter(name => !known.includes(name))
if (unknown.length > 0) {
  console.error(`there is no ${unknown.join(', ')}: ${known.join(' ')}`)
  process.exit(2)
}
const isWanted = name => names.length === 0 || names.includes(name)

await mkdir(folder, { recursive: true })
const provider = new Provider(postern, folder)
const rows = []
let browser
let told = []
try {
  await provider.start()
  browser = await openBrowser()
  for (const app of all.filter(app => isWanted(app.name))) {
    console.log(`== ${app.name}`)
    rows.push({ name: app.name, ...(await tryApp(app)) })
    for (const [cell, { state, text }] of Object.entries(rows.at(-1)).filter(([cell]) => cell !== 'name')) {
      console.log(`${state.padEnd(4)} ${cell}: ${text}`)
    }
  }
  if (isWanted('back-channel')) {
    console.log('== back-channel')
    told = await signOutOfThree({ provider, browser, folder })
    told.forEach(line => console.log(line))
  }
} finally {
  await browser?.close()
  provider.stop()
}

const report = [matrix(rows), ...told].join('\n')
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
