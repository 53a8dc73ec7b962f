// Writes the files that the snippet of the preset `nextjs` shows, and fills in the secrets.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const { CLIENT_SECRET, SNIPPET } = process.env
const [, ...parts] = readFileSync(SNIPPET, 'utf8').split(/^(?:#|\/\/) --- (.+)\n/m)
const files = Object.fromEntries(parts.flatMap((name, n) => (n % 2 === 0 ? [[name, parts[n + 1]]] : [])))

files['.env.local'] = files['.env.local'].replace(/^AUTH_POSTERN_SECRET=.*$/m, `AUTH_POSTERN_SECRET=${CLIENT_SECRET}`)
files['.env.local'] += `AUTH_SECRET=${randomBytes(32).toString('hex')}\n`
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(name), { recursive: true })
  writeFileSync(name, text)
}
