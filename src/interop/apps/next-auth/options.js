// next-auth 4 with Postern as a provider of its own, by the guide "Using a custom provider".
const { CLIENT_ID, CLIENT_SECRET, ISSUER } = process.env

export const options = {
  providers: [
    {
      id: 'postern',
      name: 'Postern',
      type: 'oauth',
      wellKnown: `${ISSUER}/.well-known/openid-configuration`,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      authorization: { params: { scope: 'openid profile email' } },
      idToken: true,
      checks: ['pkce', 'state'],
      profile: ({ sub, name, email }) => ({ id: sub, name, email }),
    },
  ],
}
