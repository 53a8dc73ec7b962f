// An app with an unmodified client: installed, registered by an ordinary command, and run.
//
// Each folder under apps/ is one. Its app.json names
//   package   the client under test, as its registry names it
//   client    the flags of `postern client add`; BASE_URL in them is where the app runs
//   start     the shell command that serves the app; it finds in its environment PORT, BASE_URL, ISSUER, CLIENT_ID,
//             CLIENT_SECRET (also as POSTERN_CLIENT_SECRET), and in the file SNIPPET the configuration that a preset
//             printed
//   absent    for each cell of the matrix that the client has no code for, what it lacks
//   paths     where the app has a step, if not at the path of that name
//   install, version   shell commands, if there is no package.json, requirements.txt, Cargo.toml or pom.xml
//
// An app serves JSON: `/` with { "claims": {...} or null }, `/userinfo` with the claims that came from there, `/refresh`
// with whatever the refreshed token says. `/login` and `/logout` begin a sign-in and a sign-out.
import { exec, spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { PORT, until } from './provider.mjs'

const SOURCES = new URL('apps/', import.meta.url).pathname

// How the dependencies of an app are installed, and which version of the client came, by the file that lists them.
const KINDS = {
  'package.json': {
    install: () => 'npm install --silent --no-audit --no-fund',
    version: name => `node -p "require('./node_modules/${name}/package.json').version"`,
  },
  'requirements.txt': {
    install: () => '[ -d venv ] || python3 -m venv venv; venv/bin/pip install --quiet --requirement requirements.txt',
    version: name => `venv/bin/python -c "import importlib.metadata as m; print(m.version('${name}'))"`,
  },
  'Cargo.toml': {
    install: () => 'cargo build --quiet',
    version: name => `cargo tree --quiet --depth 1 --prefix none | sed -n 's/^${name} v//p'`,
  },
  'pom.xml': {
    install: () => 'mvn --quiet --batch-mode package',
    version: name => `unzip -l target/app.jar | sed -n 's/.*${name}-\\([0-9.]*\\)\\.jar/\\1/p'`,
  },
}

export class App {
  // Every app, in the order of their names; the port of each follows from its place.
  static async all() {
    const names = (await readdir(SOURCES)).sort()
    return Promise.all(names.map((name, place) => App.read(name, PORT + 10 + place)))
  }

  // Reads the app of the folder `source`, which may run more than once, under other names.
  static async read(source, port, name = source) {
    const settings = JSON.parse(await readFile(join(SOURCES, source, 'app.json'), 'utf8'))
    return Object.assign(new App(), {
      name,
      source: join(SOURCES, source),
      origin: `http://localhost:${port}`,
      settings: { absent: {}, paths: {}, ...settings },
    })
  }

  // Why the client cannot be tried with a cell of the matrix, if so.
  absent(cell) {
    return this.settings.absent[cell]
  }

  // Installs the app in a copy of its folder, and returns the version of the client.
  async install(folder) {
    this.folder = join(folder, this.name)
    await cp(this.source, this.folder, { recursive: true })
    const { install, version } = this.settings
    const kind = KINDS[Object.keys(KINDS).find(file => existsSync(join(this.folder, file)))]
    await this.shell(install ?? kind.install())
    return (await this.shell(version ?? kind.version(this.settings.package))).trim()
  }

  async shell(command) {
    const { stdout } = await promisify(exec)(command, { cwd: this.folder, maxBuffer: 1 << 26 })
    return stdout
  }

  async register(provider, ...more) {
    const flags = [...this.settings.client, ...more].map(flag => flag.replace('BASE_URL', this.origin))
    const added = await provider.command('client', 'add', this.name, '--base-url', this.origin, ...flags)
    // Servers that run read the clients once a second.
    await setTimeout(2000)
    this.snippet = join(this.folder, 'snippet.txt')
    await writeFile(this.snippet, added.snippet ?? '')
    this.environment = {
      ...process.env,
      PORT: new URL(this.origin).port,
      BASE_URL: this.origin,
      ISSUER: provider.issuer,
      CLIENT_ID: this.name,
      POSTERN_CLIENT_SECRET: added.client_secret ?? '',
      CLIENT_SECRET: added.client_secret ?? '',
      SNIPPET: this.snippet,
      // The provider's certificate authority, for Node, for Python and Go, and by its file.
      NODE_EXTRA_CA_CERTS: provider.authority,
      SSL_CERT_FILE: provider.authority,
      REQUESTS_CA_BUNDLE: provider.authority,
      CA_FILE: provider.authority,
    }
  }

  async start() {
    this.log = join(this.folder, 'app.log')
    const log = openSync(this.log, 'a')
    // A process group of its own, so that all of it is stopped.
    const stdio = ['ignore', log, log]
    this.process = spawn('bash', ['-c', this.settings.start], { cwd: this.folder, env: this.environment, stdio, detached: true })
    const answers = () => fetch(this.origin, { redirect: 'manual' }).then(() => true, () => false)
    await until(`${this.name} at ${this.origin} (see ${this.log})`, () => {
      if (this.process.exitCode !== null) throw new Error(`${this.name} ended: see ${this.log}`)
      return answers()
    }, 120)
  }

  stop() {
    if (this.process?.exitCode === null) process.kill(-this.process.pid)
    this.process = undefined
  }

  url(step) {
    const path = step === 'claims' ? '/' : `/${step}`
    return this.origin + (this.settings.paths[step] ?? path)
  }
}
