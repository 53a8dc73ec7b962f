// passport-openidconnect in Express, by its README; the longest form of `verify` makes it ask userinfo.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'

const { BASE_URL, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env

passport.use(
  new OpenIDConnectStrategy(
    {
      issuer: ISSUER,
      authorizationURL: `${ISSUER}/oauth2/authorize`,
      tokenURL: `${ISSUER}/oauth2/token`,
      userInfoURL: `${ISSUER}/oauth2/userinfo`,
      clientID: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      callbackURL: `${BASE_URL}/callback`,
      scope: 'profile email',
    },
    (issuer, userinfo, idProfile, context, idToken, accessToken, refreshToken, params, done) => done(null, userinfo._json),
  ),
)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(session({ secret: 'for this run', resave: false, saveUninitialized: false }))
app.use(passport.session())

app.get('/', (request, response) => response.json({ claims: request.user ?? null }))
app.get('/login', passport.authenticate('openidconnect'))
app.get('/callback', passport.authenticate('openidconnect'), (request, response) => response.redirect('/'))
app.get('/userinfo', (request, response) => response.json(request.user))
app.use((fault, request, response, next) => response.status(500).send(`${fault.code}: ${fault.message}`))
app.listen(PORT)
