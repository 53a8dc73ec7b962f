// The provider and the tasks app whose pages are taken: `postern dev` on data of its own, and its commands.
import { execFile, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const PORT = Number(process.env.PICTURES_PORT ?? 7317)

export class Provider {
  issuer = `http://localhost:${PORT}`
  tasks = `http://localhost:${PORT + 2}`

  constructor(binaries, folder) {
    this.binaries = binaries
    this.data = join(folder, 'data')
    this.log = join(folder, 'provider.log')
  }

  async start(templates) {
    await rm(this.data, { recursive: true, force: true })
    await mkdir(this.data, { recursive: true })
    const settings = {
      POSTERN_HTTP__LISTEN: `127.0.0.1:${PORT}`,
      POSTERN_HTTP__METRICS_LISTEN: `127.0.0.1:${PORT + 1}`,
      POSTERN_ISSUER: this.issuer,
      ...(templates && { POSTERN_PAGES__TEMPLATES: templates }),
    }
    this.provider = this.run('postern', ['dev', '--data', this.data, '--tasks', this.tasks], settings)
    await until(`a provider (see ${this.log})`, () => answers(`${this.issuer}/login`, this.provider))
  }

  async startTasks() {
    const settings = {
      TASKS_HTTP__LISTEN: `127.0.0.1:${PORT + 2}`,
      TASKS_HTTP__METRICS_LISTEN: `127.0.0.1:${PORT + 3}`,
      TASKS_DATABASE__URL: `sqlite://${join(this.data, 'tasks.db')}`,
      TASKS_TOKENS__ISSUER: this.issuer,
      TASKS_TOKENS__AUDIENCE: this.tasks,
    }
    this.app = this.run('postern-tasks', ['serve'], settings)
    await until(`the tasks app (see ${this.log})`, () => answers(this.tasks, this.app))
  }

  run(name, words, settings) {
    const log = openSync(this.log, 'a')
    return spawn(join(this.binaries, name), words, { env: { ...process.env, ...settings }, stdio: ['ignore', log, log] })
  }

  stop() {
    this.provider?.kill()
    this.app?.kill()
  }

  // Runs `postern ARGUMENTS --json` and returns what it prints.
  async command(...words) {
    const file = join(this.data, 'dev.toml')
    const { stdout } = await promisify(execFile)(join(this.binaries, 'postern'), [...words, '--config', file, '--json'])
    return JSON.parse(stdout)
  }

  // The newest message to an address, once there is one with `part` ("code" or "link").
  message(email, part) {
    return until(`a ${part} for ${email}`, async () => {
      const messages = await fetch(`${this.issuer}/dev/inbox.json`).then(answer => answer.json())
      const own = messages.filter(message => message.to === email)
      this.seen ??= new Set()
      const fresh = own.find(message => message[part] && !this.seen.has(message[part]))
      if (fresh) this.seen.add(fresh[part])
      return fresh?.[part]
    })
  }
}

function answers(url, process) {
  if (process.exitCode !== null) throw new Error('the server ended')
  return fetch(url).then(answer => answer.ok, () => false)
}

// Waits until `check` is true; fails after `seconds`.
export async function until(what, check, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const result = await check()
    if (result) return result
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`waited ${seconds} s for ${what}`)
}
