// The provider under test: `postern dev` over TLS, on data of its own, and its commands.
import { execFile, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

// The ports behind it are for metrics and apps.
export const PORT = Number(process.env.INTEROP_PORT ?? 7217)
const METRICS = `http://127.0.0.1:${PORT + 1}/metrics`

export class Provider {
  issuer = `https://localhost:${PORT}`
  // The account that every client signs in.
  email = 'alice@example.test'

  constructor(postern, folder) {
    this.postern = postern
    this.data = join(folder, 'data')
    this.authority = join(this.data, 'dev-tls-ca.pem')
    this.log = join(folder, 'provider.log')
  }

  async start() {
    await rm(this.data, { recursive: true, force: true })
    await mkdir(this.data, { recursive: true })
    const log = openSync(this.log, 'w')
    const settings = {
      POSTERN_HTTP__LISTEN: `127.0.0.1:${PORT}`,
      POSTERN_HTTP__METRICS_LISTEN: new URL(METRICS).host,
    }
    this.process = spawn(this.postern, ['dev', '--tls', '--data', this.data], {
      env: { ...process.env, ...settings },
      stdio: ['ignore', log, log],
    })
    await until(`a provider at ${this.issuer} (see ${this.log})`, async () => {
      if (this.process.exitCode !== null) throw new Error(`postern dev ended: see ${this.log}`)
      return fetch(METRICS).then(answer => answer.ok, () => false)
    })
  }

  stop() {
    this.process?.kill()
  }

  // Runs `postern ARGUMENTS --json` and returns what it prints.
  async command(...words) {
    const file = join(this.data, 'dev.toml')
    const { stdout } = await promisify(execFile)(this.postern, [...words, '--config', file, '--json'])
    return JSON.parse(stdout)
  }

  // How many requests were answered so far, by 'METHOD route status'.
  async counts() {
    const text = await fetch(METRICS).then(answer => answer.text(), () => '')
    const row = /^http_requests_total\{method="(\w+)",route="([^"]*)",status="(\d+)"\} (\d+)$/gm
    return new Map([...text.matchAll(row)].map(([, method, route, status, n]) => [`${method} ${route} ${status}`, +n]))
  }

  // What `action` makes the provider answer, as 'METHOD route status'. The provider says so, not the client.
  async answersDuring(action) {
    const before = await this.counts()
    const result = await action()
    const after = await this.counts()
    return { result, answers: [...after.keys()].filter(key => after.get(key) > (before.get(key) ?? 0)) }
  }

  // The codes that the account was sent, the newest first.
  async codes(browserPage) {
    const messages = await browserPage.evaluate(() => fetch('/dev/inbox.json').then(answer => answer.json()))
    return messages.filter(message => message.to === this.email && message.code).map(message => message.code)
  }
}

// Waits until `check` is true; fails after `seconds`.
export async function until(what, check, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const result = await check()
    if (result) return result
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`waited ${seconds} s for ${what}`)
}
