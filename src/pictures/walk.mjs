// Every page in the order in which people meet them. `take` takes the page that is open, of this person or another.

export async function signIn(person, take) {
  await person.open('/')
  await take('home')
  await person.open('/login?to=account')
  await take('sign-in')
  await person.press('#login-submit')
  await take('sign-in-wrong')
  await person.arriveFrom('demo-web', { scope: 'openid profile email offline_access' })
  await take('sign-in-app')
  await person.fill({ '#identifier': 'bob@example.test' })
  await person.press('#login-submit')
  await take('code')
  const code = person.page.url()
  await person.fill({ '#code': '12345678' })
  await person.press('#login-submit')
  await take('code-wrong')
  await person.press('#login-other')
  await take('another-way')
  await person.open(code)
  await person.enterCode('bob@example.test')
  await take('consent')
  await person.press('#consent-allow')
}

export async function password(person, take) {
  await person.open('/login?to=account')
  await person.fill({ '#identifier': 'bob@example.test' })
  await person.press('#login-password')
  await take('password')
  await person.fill({ '#password': 'not the right one' })
  await person.press('#login-submit')
  await take('password-wrong')
}

export async function account(person, take) {
  await person.open('/login?to=account')
  await person.signIn('alice@example.test')
  await take('account')
  for (const name of ['profile', 'email', 'sessions', 'applications', 'activity', 'data']) {
    await person.open(`/account/${name}`)
    await take(`account-${name}`)
  }
  await person.open('/account/delete')
  await take('account-delete')
  await person.open('/account/password')
  await take('account-password')
  await person.fill({ '#password': 'short' })
  await person.press('#password-submit')
  await take('account-password-wrong')
  await person.fill({ '#password': 'copper window tomato lantern' })
  await person.press('#password-submit')
  await take('account-done')
}

export async function passkeys(person, take) {
  await person.plugInSecurityKey()
  await person.open('/account/passkeys')
  await take('passkeys-none')
  await person.waitFor('#passkey-add:not([disabled])')
  await person.press('#passkey-add')
  await take('passkey-first')
  await person.openWithPasskey('/account/passkeys')
  await take('passkeys-one')
  await person.openWithPasskey('/account/recovery-codes')
  await take('recovery-codes')
  await person.press('#recovery-codes-renew')
  await take('recovery-codes-new')
}

// What stands between a sign-in and the app: codes that were not kept.
export async function notKept(person, take) {
  await person.open('/account')
  await person.press('#sign-out')
  await person.arriveFrom('demo-web')
  // The passkey signs in by itself, as one that the browser offers beside the email field.
  await person.waitFor('#recovery-codes-renew')
  await take('recovery-codes-not-kept')
  await person.press('#recovery-codes-renew')
  await person.press('#recovery-codes-kept')
}

export async function secondStep(person, take) {
  await person.arriveFrom('demo-web', { acr_values: 'urn:postern:acr:aal2' })
  if (await person.has('#no-way-set-up')) await take('no-way')
  await person.openWithPasskey('/account/totp')
  await take('authenticator-off')
  await person.press('#totp-begin')
  await take('authenticator-scan')
  await person.fill({ '#code': '000000' })
  await person.press('#totp-confirm')
  await take('authenticator-wrong')
  await person.fill({ '#code': await person.totp() })
  await person.press('#totp-confirm')
  await take('account-totp-on')
  await person.openWithPasskey('/account/totp')
  await take('authenticator-on')
  await person.open('/account')
  await take('account-safe')
}

// Without scripts, so that no page waits for a security key.
export async function factors(person, take) {
  await person.page.setJavaScriptEnabled(false)
  await person.open('/login?to=account')
  await person.signIn('alice@example.test')
  await take('second-step')
  for (const name of ['totp', 'passkey', 'recovery-code']) {
    await person.open('/login?to=account&way=other')
    const button = await person.page.$(`button[name=method][value=${name}]`)
    if (!button) continue
    await Promise.all([person.page.waitForNavigation({ waitUntil: 'load' }), button.evaluate(button => button.click())])
    await take(`second-${name}`)
  }
}

// Goes on at the second step.
export async function lost(person, take) {
  await person.open('/login?to=account&way=lost')
  await take('lost')
}

export async function passkeyOffer(person, take) {
  await person.plugInSecurityKey()
  await person.arriveFrom('demo-web')
  await person.fill({ '#identifier': 'bob@example.test' })
  await person.press('#login-submit')
  await person.page.evaluate(() => PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable())
  await person.enterCode('bob@example.test')
  await take('passkey-offer')
}

export async function register(person, take) {
  const email = `carla-${Date.now()}@example.test`
  await person.open('/register')
  await take('register')
  await person.fill({ '#email': 'carla@example', '#password': 'short' })
  await person.press('#register-submit')
  await take('register-wrong')
  await person.fill({ '#email': email, '#name': 'Carla Conti', '#password': 'copper window tomato lantern' })
  await person.press('#register-submit')
  await take('register-sent')
  const link = await person.provider.message(email, 'link')
  const elsewhere = await person.elsewhere()
  await elsewhere.open(link)
  await take('verify-email', elsewhere)
  await elsewhere.close()
  await person.open(link)
  await take('register-done')
  await person.open('/forgot-password')
  await take('forgot-password')
  await person.fill({ '#email': email })
  await person.press('#forgot-submit')
  await take('forgot-password-sent')
  await person.open(await person.provider.message(email, 'link'))
  await take('reset-password')
  await person.fill({ '#password': 'lantern tomato window copper' })
  await person.press('#reset-submit')
  await take('reset-password-done')
}

export async function emailChange(person, take) {
  const email = `bobby-${Date.now()}@example.test`
  await person.open('/login?to=account')
  if (await person.has('#identifier')) await person.signIn('bob@example.test')
  await person.open('/account/email')
  await person.fill({ '#email': email })
  await person.press('#email-submit')
  await take('email-sent')
  await person.open(await person.provider.message(email, 'link'))
  await take('confirm-email')
  await person.press('#confirm-submit')
  await take('confirm-email-done')
  await person.open(await person.provider.message('bob@example.test', 'link'))
  await take('undo-email-change')
  await person.press('#undo-submit')
  await take('undo-email-change-done')
}

export async function invitation(person, take) {
  const invited = await person.provider.command('user', 'invite', `dora-${Date.now()}@example.test`)
  await person.open(invited.link)
  await take('invitation')
}

export async function errors(person, take) {
  await person.open('/nothing-here')
  await take('error-not-found')
  await person.arriveFrom('unknown')
  await take('error-unknown-app')
  await person.arriveFrom('demo-web', { redirect_uri: 'http://localhost:3000/elsewhere' })
  await take('error-redirect-uri')
  await person.open('/login?request=00000000-0000-0000-0000-000000000000')
  await take('error-request-gone')
  await person.open('/verify-email?token=over')
  await take('error-link-over')
  await person.open('/errors/01bm8j696rxzdc45')
  await take('error-reference')
}

export async function signOut(person, take) {
  await person.open('/login?to=account')
  await person.signIn('admin@example.test')
  await person.open('/oauth2/logout')
  await take('sign-out')
  await person.press('#logout-yes')
  await take('signed-out')
}

export async function deletion(person, take) {
  await person.open('/login?to=account')
  await person.signIn('admin@example.test')
  await person.open('/account/delete')
  await person.press('#delete-submit')
  await take('closed')
  await person.open('/login?to=account')
  await person.signIn('admin@example.test')
  await take('restore')
  await person.press('#restore-yes')
}

export async function development(person, take) {
  await person.open('/dev/inbox')
  await take('dev-inbox')
  await person.open('/dev/mail')
  await take('dev-mail')
}

export async function mails(person, take, language) {
  await person.open('/dev/mail')
  const links = await person.page.$$eval('a[href^="/dev/mail/"]', links => links.map(link => link.getAttribute('href')))
  for (const link of links.filter(link => link.endsWith(`/${language}`))) {
    await person.open(link)
    await take(`mail-${link.split('/')[3]}`)
  }
}

export async function tasks(person, take) {
  await person.openTasks()
  await take('tasks-signed-out')
  await person.press('#sign-in')
  if (await person.has('#identifier')) await person.signIn('bob@example.test')
  if (await person.has('#consent-allow')) await person.press('#consent-allow')
  await person.waitFor('#signed-in:not([hidden])')
  await take('tasks-empty')
  for (const title of ['Buy bread', 'Call the dentist about the appointment on Thursday']) {
    await person.fill({ '#title': title })
    await person.page.$eval('#add-submit', button => button.click())
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  await take('tasks')
}
