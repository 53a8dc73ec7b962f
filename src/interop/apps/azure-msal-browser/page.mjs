// What the page does at each of its paths; it shows the result as JSON.
import { ProtocolMode, createStandardPublicClientApplication } from '@azure/msal-browser'

// What the library's documentation sets for a provider that is not Entra ID.
const msal = await createStandardPublicClientApplication({
  auth: { clientId: CLIENT_ID, authority: ISSUER, knownAuthorities: [new URL(ISSUER).host], redirectUri: `${BASE_URL}/callback` },
  system: { protocolMode: ProtocolMode.OIDC },
})
const scopes = ['openid', 'profile', 'email', 'offline_access']
const account = () => msal.getAllAccounts()[0]

const steps = {
  '/': () => ({ claims: account()?.idTokenClaims ?? null }),
  '/login': () => msal.loginRedirect({ scopes, redirectStartPage: `${BASE_URL}/` }),
  '/callback': () => {},
  '/refresh': async () => ({ claims: (await msal.acquireTokenSilent({ scopes, account: account(), forceRefresh: true })).idTokenClaims }),
  '/logout': () => msal.logoutRedirect({ account: account(), postLogoutRedirectUri: `${BASE_URL}/` }),
}

try {
  // Ends a sign-in, if this page is its answer.
  await msal.handleRedirectPromise()
  const answer = await steps[location.pathname]()
  if (answer) document.body.innerText = JSON.stringify(answer)
} catch (fault) {
  document.body.innerText = `${fault.name}: ${fault.message}`
}
