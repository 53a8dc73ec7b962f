// NextAuth.js begins a sign-in by a form with its token.
const page = `<!doctype html>
<form method="post" action="/api/auth/signin/postern">
  <input type="hidden" name="csrfToken">
  <input type="hidden" name="callbackUrl" value="/">
</form>
<script type="module">
  const { csrfToken } = await (await fetch('/api/auth/csrf')).json()
  document.forms[0].csrfToken.value = csrfToken
  document.forms[0].submit()
</script>`

export const GET = () => new Response(page, { headers: { 'content-type': 'text/html' } })
