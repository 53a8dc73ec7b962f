// A person with a browser of their own: opens pages, signs in at the provider, allows, signs out.
import puppeteer from 'puppeteer-core'
import { until } from './provider.mjs'

export const openBrowser = () =>
  puppeteer.launch({
    executablePath: process.env.POSTERN_CHROMIUM,
    // The provider's certificate is signed by an authority that Chromium does not know.
    acceptInsecureCerts: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  })

export class Person {
  // The authorization requests that apps sent this browser with, the newest last.
  authorizationRequests = []

  static async open(browser, provider) {
    const person = new Person()
    person.provider = provider
    person.context = await browser.createBrowserContext()
    person.page = await person.context.newPage()
    person.page.on('request', request => {
      if (request.url().startsWith(`${provider.issuer}/oauth2/authorize?`)) {
        person.authorizationRequests.push(new URL(request.url()))
      }
    })
    return person
  }

  close() {
    return this.context.close()
  }

  // Opens a page and whatever it redirects to, and returns the status.
  async open(url) {
    const answer = await this.page.goto(url, { waitUntil: 'load' })
    return answer?.status()
  }

  // Opens a page of an app and waits until it shows JSON, or an answer that is an error.
  async read(url) {
    const status = await this.open(url)
    if (status >= 400) throw new Error(`${url} answers ${status}: ${await this.text()}`)
    await this.waitFor(`JSON at ${url}`, () => this.json())
    return this.json()
  }

  async json() {
    try {
      return JSON.parse(await this.page.evaluate(() => document.body.innerText))
    } catch {
      return null
    }
  }

  async text() {
    const text = await this.page.evaluate(() => document.body?.innerText ?? '').catch(() => '')
    return text.replace(/\s+/g, ' ').slice(0, 300)
  }

  // Does what the provider's pages ask for, until the browser is back at `origin`.
  async signIn(origin) {
    const isBack = () => new URL(this.page.url()).origin === origin
    await this.waitFor('the sign-in page', '#identifier', '#consent-allow')
    if (await this.has('#identifier')) await this.enterCode()
    await this.waitFor('the end of the sign-in', isBack, '#consent-allow')
    if (await this.has('#consent-allow')) await this.press('#consent-allow')
    await this.waitFor(origin, isBack)
  }

  // Waits for one of some elements or conditions; the error says which page came instead.
  async waitFor(what, ...signs) {
    const seen = async sign => (typeof sign === 'string' ? this.has(sign) : sign())
    const anySeen = async () => (await Promise.all(signs.map(seen))).some(Boolean)
    await until(what, anySeen, 20).catch(async fault => {
      throw new Error(`${fault.message}, but came to ${this.page.url()}: ${await this.text()}`)
    })
  }

  // Waits until the provider asks who is there.
  arriveAtSignIn() {
    return this.waitFor('the sign-in page', '#identifier')
  }

  // Waits until the page has shown the same for a second.
  async settle() {
    let [before, since] = ['', Date.now()]
    await until('a page that stays', async () => {
      const shown = this.page.url() + (await this.text())
      if (shown !== before) [before, since] = [shown, Date.now()]
      return Date.now() - since > 1000
    })
  }

  async enterCode() {
    const seen = (await this.provider.codes(this.page)).length
    await this.page.type('#identifier', this.provider.email)
    await this.press('#login-submit')
    await this.waitFor('the field for the code', '#code')
    const sent = async () => {
      const codes = await this.provider.codes(this.page)
      return codes.length > seen && codes[0]
    }
    // The page sends the code with its last digit.
    const code = await until('a code by mail', sent)
    await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), this.page.type('#code', code)])
  }

  // Whether this browser has a session at the provider.
  async isSignedIn() {
    await this.open(`${this.provider.issuer}/account`)
    return !(await this.has('#identifier'))
  }

  // Says yes where the provider asks whether to sign out, and goes on to the app.
  async confirmSignOut(origin) {
    const isBack = () => new URL(this.page.url()).origin === origin
    await this.waitFor('the end of the sign-out', isBack, '#logout-yes', '#logout-continue')
    if (await this.has('#logout-yes')) await this.press('#logout-yes')
    if (!isBack() && (await this.has('#logout-continue'))) await this.press('#logout-continue')
  }

  async has(selector) {
    return this.page.evaluate(selector => document.querySelector(selector) !== null, selector).catch(() => false)
  }

  async press(selector) {
    await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), this.page.click(selector)])
  }
}
