// A person with a browser of their own, at the provider's pages.
import { createHmac } from 'node:crypto'
import { until } from './provider.mjs'

const APP = 'http://localhost:3000'

export class Person {
  static async open(browser, provider, language) {
    const person = new Person()
    Object.assign(person, { provider, language, context: await browser.createBrowserContext() })
    person.page = await person.context.newPage()
    await person.page.setExtraHTTPHeaders({ 'accept-language': language })
    // The tasks app asks the browser, not the request.
    await person.page.evaluateOnNewDocument(language => Object.defineProperty(navigator, 'language', { get: () => language }), language)
    // No app runs at the end of a sign-in.
    await person.page.setRequestInterception(true)
    person.page.on('request', request =>
      request.url().startsWith(APP)
        ? request.respond({ contentType: 'text/html', body: '<h1>The app</h1>' })
        : request.continue(),
    )
    return person
  }

  close() {
    return this.context.close()
  }

  // The same person at another browser.
  elsewhere() {
    return Person.open(this.context.browser(), this.provider, this.language)
  }

  open(path) {
    return this.page.goto(new URL(path, this.provider.issuer).href, { waitUntil: 'load' })
  }

  // The tasks app asks the provider first whether anybody is signed in.
  async openTasks() {
    await this.page.goto(this.provider.tasks, { waitUntil: 'networkidle0' })
    await this.waitFor('#signed-out:not([hidden])')
  }

  // Comes from an app, as its library sends people.
  arriveFrom(clientId, parameters = {}) {
    const query = new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      redirect_uri: `${APP}/callback`,
      scope: 'openid',
      state: 'picture',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      ...parameters,
    })
    return this.open(`/oauth2/authorize?${query}`)
  }

  async fill(fields) {
    for (const [selector, text] of Object.entries(fields)) {
      await this.page.$eval(selector, (field, text) => { field.value = text }, text)
    }
  }

  async press(selector) {
    const pressed = this.page.$eval(selector, button => button.click())
    await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), pressed])
  }

  has(selector) {
    return this.page.$(selector).then(Boolean)
  }

  async signIn(email) {
    await this.fill({ '#identifier': email })
    await this.press('#login-submit')
    await this.enterCode(email)
  }

  async enterCode(email) {
    await this.fill({ '#code': await this.provider.message(email, 'code') })
    await this.press('#login-submit')
  }

  // Where an account has a passkey, its pages ask for it.
  async openWithPasskey(path) {
    await this.open(path)
    if (!(await this.has('#login-submit[data-passkey]'))) return
    await this.waitFor('#login-submit:not([disabled])')
    await this.press('#login-submit')
  }

  // A passkey of this browser, kept by a security key that is made up.
  async plugInSecurityKey() {
    const devtools = await this.page.createCDPSession()
    await devtools.send('WebAuthn.enable')
    const options = {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    }
    await devtools.send('WebAuthn.addVirtualAuthenticator', { options })
  }

  // The code that an authenticator app shows for the key on the page (RFC 6238).
  async totp() {
    const key = await this.page.$eval('#totp-key', element => element.textContent.replace(/\s/g, ''))
    const bits = [...key].map(letter => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
    const secret = Buffer.from(bits.match(/.{8}/g).map(byte => parseInt(byte, 2)))
    const counter = Buffer.alloc(8)
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)))
    const mac = createHmac('sha1', secret).update(counter).digest()
    const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff
    return String(number % 1e6).padStart(6, '0')
  }

  async waitFor(selector) {
    // A page that is being left answers by a fault.
    await until(selector, () => this.has(selector).catch(() => false))
  }
}
