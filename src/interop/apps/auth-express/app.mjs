// @auth/express, with Postern as a provider of the type `oidc`.
import { ExpressAuth, getSession } from '@auth/express'
import express from 'express'

const { CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env

const config = {
  providers: [
    {
      id: 'postern',
      name: 'Postern',
      type: 'oidc',
      issuer: ISSUER,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      idToken: false, // name and email come from userinfo
    },
  ],
}

// Auth.js begins a sign-in by a form with its token.
const login = `<!doctype html>
<form method="post" action="/api/auth/signin/postern">
  <input type="hidden" name="csrfToken">
  <input type="hidden" name="callbackUrl" value="/">
</form>
<script type="module">
  const { csrfToken } = await (await fetch('/api/auth/csrf')).json()
  document.forms[0].csrfToken.value = csrfToken
  document.forms[0].submit()
</script>`

const app = express()
app.use('/api/auth', ExpressAuth(config))
app.get('/', async (request, response) => response.json({ claims: (await getSession(request, config))?.user ?? null }))
app.get('/userinfo', async (request, response) => response.json((await getSession(request, config)).user))
app.get('/login', (request, response) => response.send(login))
app.listen(PORT)
