// usage: node run.mjs BINARIES FOLDER [--templates DIR] [--name NAME] [--only WALK] [LANGUAGE...]
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import puppeteer from 'puppeteer-core'
import { Camera, contactSheets, showcase } from './camera.mjs'
import { Person } from './person.mjs'
import { Provider } from './provider.mjs'
import * as walks from './walk.mjs'

// What changes an account comes after what looks at it; a browser that is signed in goes on with the next walk.
const ORDER = [
  ['signIn'], ['password'], ['account', 'passkeys', 'notKept', 'secondStep'], ['factors', 'lost'], ['passkeyOffer'], ['register'], ['invitation'], ['errors'],
  ['signOut'], ['deletion'], ['tasks'], ['emailChange'], ['development', 'mails'],
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { templates: { type: 'string' }, name: { type: 'string', default: 'after' }, only: { type: 'string' } },
})
const [binaries, folder] = positionals.slice(0, 2).map(path => resolve(path))
const languages = positionals.slice(2)
const browser = await puppeteer.launch({
  executablePath: process.env.POSTERN_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
})
const chosen = ORDER.filter(group => !values.only || values.only.split(',').some(name => group.includes(name)))
if (!values.only) await rm(join(folder, values.name), { recursive: true, force: true })
let failures = 0
try {
  for (const language of languages.length > 0 ? languages : ['en', 'de']) {
    const provider = new Provider(binaries, join(folder, 'run'))
    try {
      await provider.start(values.templates && resolve(values.templates))
      await provider.startTasks()
      for (const group of chosen) failures += await walk(group, provider, language)
    } finally {
      provider.stop()
    }
  }
  await contactSheets(browser, folder, values.name)
  if (!values.only) await showcase(browser, folder, values.name)
} finally {
  await browser.close()
}
console.log(`pictures and contact sheets are in ${folder}`)
process.exitCode = failures > 0 ? 1 : 0

// Walks on where one page failed: the others are still worth seeing.
async function walk(group, provider, language) {
  const person = await Person.open(browser, provider, language)
  const camera = new Camera(join(folder, values.name), language)
  let failures = 0
  for (const name of group) {
    await walks[name](person, (title, at = person) => camera.take(at.page, title), language).catch(async fault => {
      failures += 1
      await camera.take(person.page, `failed-${name}`)
      console.log(`${language} ${name}: ${fault.message} at ${person.page.url()}`)
    })
  }
  await person.close()
  return failures
}
