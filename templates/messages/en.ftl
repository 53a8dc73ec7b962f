# What people read, in English. To add a language, copy this file to `<language>.ftl` and translate it; what is left out is
# read in English. On pages a message is HTML (`&amp;` for &), and its { $arguments } are escaped.

# What the language calls itself
language-name = English
# "ltr" or "rtl"
direction = ltr

# Shared
privacy = Privacy
terms = Terms
help = Help
privacy-of = Privacy at { $name }
terms-of = Terms of { $name }
skip = Skip to the content
email = Email address
code = Code
code-of = { $digits }-digit code
name = Name
continue = Continue
back = Back
cancel = Cancel
not-now = Not now
sign-in = Sign in
sign-in-to = Sign in to { $name }
for-your-account = for your account
to-go-on-to = to go on to <strong>{ $name }</strong>
you-are = You are <strong>{ $email }</strong>
sign-out = Sign out
reference = Reference
get-help = Get help
minutes = { $count ->
    [one] about 1 minute
   *[other] about { $count } minutes
}

# Sign in: the address
email-needed = Enter your email address.
email-malformed = Enter an email address such as name@example.com.

# Login methods: the button that begins, the hint under the address, the page that asks
method-email-otp = Email me a code
method-email-otp-hint = We will email you a code.
method-email-otp-title = Check your email
method-email-otp-intro = We sent a code to <strong>{ $identifier }</strong>, if an account uses that email address.
method-code = Code by SMS or chat
method-code-hint = We will send you a code by SMS or chat.
method-code-title = Enter your code
method-code-intro = If there is an account of <strong>{ $identifier }</strong>, we sent its owner a code by SMS or chat.
method-code-operator = Use a code I was given
method-code-operator-hint = You need the code that you were given.
method-code-operator-title = Enter your code
method-code-operator-intro = Enter the 8-digit code that you were given for <strong>{ $identifier }</strong>.
method-passkey = Use a passkey
method-passkey-hint = You need a device with your passkey.
method-passkey-title = Use your passkey
method-passkey-intro = Your device asks for your finger, your face or its PIN. They never leave it.
method-totp = Use my authenticator app
method-totp-hint = You need your authenticator app.
method-totp-title = Confirm that it is you
method-totp-intro = Enter the code that your authenticator app shows for <strong>{ $identifier }</strong>.
method-recovery-code = Use a recovery code
method-recovery-code-hint = You need one of your recovery codes.
method-recovery-code-title = Enter a recovery code
method-recovery-code-intro = Enter one of the recovery codes that you kept for <strong>{ $identifier }</strong>.
recovery-code = Recovery code
method-password = Use my password
method-password-hint = You need your password.
method-password-title = Enter your password
method-password-intro = for <strong>{ $identifier }</strong>
method-other-title = Confirm that it is you
method-other-intro = Enter your code for <strong>{ $identifier }</strong>.
method-other-hint = You will be asked for one more thing.
remember-me = Keep me signed in on this device
new-here = New here?
passkeys-appear = Your passkeys appear here too.
use-another-way = Use another way
use-another-address = Use another email address
code-good-for = It works once, in this browser, for
look-in-spam = Nothing there? Look in your spam folder.
code-over = The code has expired. You are not signed in yet.
send-new-code = Send a new code
code-sent-again = A new code is on its way, if an account uses this email address. Only the newest code works.

# Another way, and another factor
another-way-title = Use another way
another-way-intro = Choose how to sign in as <strong>{ $identifier }</strong>.
another-factor-title = Confirm that it is you
another-factor-intro = Choose how to confirm that you are <strong>{ $identifier }</strong>.
lost-link = I cannot do this
lost-title = If you cannot do this
lost-intro = There is another way to confirm that you are <strong>{ $identifier }</strong>. If none helps, ask the people who run this service.
lost-nothing-left = There is no other way here. The people who run this service can help you back in.
lost-support = Ask for help
lost-ask = Ask the people who run this service for help. They can let you in again.
no-way-title = You need a second step
no-way-text = The app asks for a second step, and your account has none yet.
no-way-set-up = Set up an authenticator app
no-way-try-again = I have set it up
no-way-passkey-title = You need a passkey
no-way-passkey-text = The app asks for a passkey, and your account has none yet.
no-way-passkey-set-up = Set up a passkey
no-way-give-up = Go back to { $name }

# Wrong answers, beside the field
code-needed = Enter the code.
tries-left = { $count ->
    [0] You have no tries left for now.
    [one] You have 1 try left.
   *[other] You have { $count } tries left.
}
code-wrong = That is not the newest code, or it no longer works. Check the last message from us, or send a new code.
passkey-needed = Use the button: your browser asks for your passkey.
passkey-wrong = This passkey was not accepted. Try again, or use another way.
passkey-failed = That did not work, or it was cancelled. Try again, or use another way.
passkey-needs-script = Passkeys need JavaScript, which is switched off in this browser. Everything else works without it.
passkey-needs-browser = This browser cannot use passkeys. Use another way, or another browser.
passkey-use = Use passkey
totp-wrong = That code is not right. Enter the one that your app shows now.
recovery-code-wrong = That code is not right or was used already. Check it, or use another one.
password-needed = Enter the password.
password-wrong = That password is not right. Try again, or use another way.
show-password = Show the password
hide-password = Hide the password

# Consent
allow-title = Allow { $name }?
not-you = Not you?
consent-gets = It will be able to
consent-gets-not = It does not get your password, or the names of other apps that you use.
consent-connected = It stays connected { $lifetime }.
allow = Allow
consent-lifetime = until it is unused for { $idle ->
    [one] 1 day
   *[other] { $idle } days
}, { $days ->
    [one] 1 day
   *[other] { $days } days
} at most
consent-after = Next: { $place }. You can end this any time under Apps in your account.
at-resource = in { $name }
scope-openid = Know that it is you
scope-openid-detail = without your name or your email address
scope-profile = See your name and profile
scope-profile-detail = your name and what else your profile says
scope-email = See your email address
scope-address = See your postal address
scope-phone = See your phone number
scope-offline_access = Stay connected while you are away
scope-account = Manage your account
scope-account-detail = your profile, how you sign in, and where you are signed in

# Sign out
sign-out-title = Sign out?
sign-out-text = You will be signed out of { $brand }, in this browser. We tell the apps that can be told.
sign-out-of-client = { $name } asks to sign you out of { $brand }, in this browser. We tell the apps that can be told.
sign-out-stays-invalid-hint = The proof of your sign-in (id_token_hint) that came with this request is not valid. After signing out you will stay here.
sign-out-stays-missing-hint = This request does not prove which app it comes from: its id_token_hint is missing. After signing out you will stay here.
sign-out-stays = This request names a return address that is not registered for the app. After signing out you will stay here.
stay-signed-in = Stay signed in
signed-out = You are signed out
signed-out-text = You can close this page. Apps that you allowed to stay connected keep their access.
signed-out-told = Told to sign you out
signed-out-not-told = May keep you signed in: sign out there too
signed-out-returns = You will be taken back to the app in a moment.
sign-in-again = Sign in again

# Home and account
home-title = Your { $name } account
home-text = See your devices, apps and ways to sign in.
account = Account
overview = Overview
your-account = Your account
about-you = About you
on = On
off = Off
signing-in = Signing in
devices-and-apps = Devices and apps
you-and-your-data = You and your data
set-up = Set up
authenticator = Authenticator app
authenticator-text = A second step: your phone shows a new code every 30 seconds.
authenticator-on-text = On. You need it where a second step is asked for.
authenticator-off-text = From then on your email alone is not enough to sign in. You need an authenticator app on your phone, such as Aegis, 2FAS or Google Authenticator.
passkeys = Passkeys
passkeys-text = Sign in with your finger, your face or a PIN. A passkey cannot be given away to a fake page.
passkeys-under = Your finger, your face or a PIN instead of a code
passkeys-yours = Your passkeys
passkey-add = Add a passkey
passkey-offer = Sign in faster next time
confirm-first = Confirm that it is you
passkey-add-text = A passkey is kept by this device, by your password manager or on a security key. It gets a name, which you can change.
passkey-name = Name
passkey-made = Set up { $day }
passkey-used = last used { $day }
passkey-flagged = This passkey may have been copied ({ $day }). Remove it unless you know why.
passkey-remove = Remove { $name }
passkey-change = Change { $name }
passkey-added = The passkey is set up.
passkey-renamed = The passkey has its new name.
passkey-removed = The passkey is removed.
passkey-took-too-long = That took too long. Try again.
passkey-not-made = The passkey was not set up: it did not work, or it was cancelled. Try again.
passkey-registered = This passkey is set up already.
passkey-too-many = An account has at most 20 passkeys. Remove one first.
passkey-name-rule = Choose a name of 1 to 64 characters, without invisible ones or ones that turn the direction of text.
save = Save
totp-step-scan = Scan this picture with your authenticator app.
totp-qr-alt = QR code with the key below
totp-step-key = Or type this key into the app:
totp-step-code = Enter the 6-digit code that the app shows.
copy = Copy
copied = Copied
turn-on = Turn on
turn-off = Turn off
totp-turned-on = The authenticator app is set up.
totp-turned-off = The authenticator app is turned off.

# Errors: what happened, and what to do about it
error-sign-in-again = Start again
error-back-to-client = Back to { $name }
error-try-again = Try again
error-to-account = To your account
error-back-to-form = Back to the form
try-again-in = { $minutes ->
    [one] Try again in about 1 minute.
   *[other] Try again in about { $minutes } minutes.
}
explanation-title = For the developer of the app
explanation-check = Checked
explanation-came = What came
explanation-expected = What was expected
explanation-remedy = Command that allows it
explanation-note = Shown because this provider runs on this machine.
explanation-caution = Run the command only if you know what came.
error-reference = What this reference means
error-reference-text = A request to this server was refused or failed. The reference stands for that one request. It says nothing about you or your account.
error-reference-person = If you were using an app: go back to it and try again. If that does not help, send the reference to the people who run the app.
error-reference-developer = If you develop the app: <code>error</code> and <code>error_description</code> came with the reference and say what to change.
error-reference-operator = If you run this server: search its log for the reference. Every line about the request names it as <code>request_id</code>, and one of them says why the request was refused.
error-not-found = There is nothing here
error-not-found-text = The address may be misspelled, or the page is gone.
error-method-not-allowed = This page cannot be used like that
error-method-not-allowed-text = Go back and use the page's own buttons.
error-request-gone = This sign-in took too long
error-request-gone-text = Or it is finished already, or was begun in another browser. Nothing is wrong with your account. Go back to the app and sign in again.
error-invalid-redirect-uri = This app is not set up right
error-invalid-redirect-uri-text = It asked us to send you to an address that is not registered for it. We stopped, to keep your account safe. Only the people who run the app can mend this.
error-unknown-client = We do not know this app
error-unknown-client-text = It is not registered here. We stopped, to keep your account safe. Only the people who run the app can mend this.
error-malformed = We did not understand that
error-malformed-text = Something in the request is missing or wrong. Go back and try again. If an app sent you here, tell the people who run it.
error-other-site = That came from somewhere else
error-other-site-text = For your safety we take forms from our own pages only. Go back, load the page again and repeat it there.
error-no-cookie = Your browser keeps no cookie for us
error-no-cookie-text = We need one to tell your sign-in from others. Allow cookies for this site, then go back to the app that you came from and sign in again.
error-wrong-token = This page is out of date
error-wrong-token-text = Nothing was done. Go back, load the page again and repeat it.
error-too-large = That is too much
error-too-large-text = What was sent is larger than we take. Go back and try again with less.
error-media-type = We do not take that format
error-media-type-text = Go back and use the page's own buttons.
error-too-many = Too many tries
error-too-many-text = To protect accounts we count tries. Nothing is locked; it just takes some time.
error-too-many-changes = Too many changes
error-too-many-changes-text = Your account was changed very often in a short time, so we let it rest. Nothing is lost, and nothing is locked.
error-tries-used-up = Sign in once more
error-tries-used-up-text = That was one try too many, or the code has expired. You are not signed in yet. Begin again and we send you a new code.
error-no-method = There is no way to sign in here
error-no-method-text = None of the ways to sign in that this app allows is switched on. Tell the people who run the app.
error-unavailable = We cannot answer just now
error-unavailable-text = It is our fault and should pass soon. Wait a moment, then try again.
error-internal = Something went wrong here
error-internal-text = It is our fault. Try again; if it happens again, tell us the reference below.
error-registration-closed = Nobody can register here
error-registration-closed-text = { $support ->
    [none] Only the operator can create accounts. Ask there for one.
   *[other] Accounts are created for you. Ask for one: { $support }
}
error-no-mail = A new password cannot be set here
error-no-mail-text = This service sends no email, so there is no link to send. { $support ->
    [none] Ask the operator.
   *[other] Ask for help: { $support }
}
error-mails-exhausted = No email can be sent for new accounts just now
error-mails-exhausted-text = Nobody can register until then. Whoever has an account can sign in as usual.
error-invitation-needed = You need an invitation
error-invitation-needed-text = Accounts are created by invitation here. Open the link in yours. { $support ->
    [none] If you have none, ask the operator.
   *[other] If you have none, ask for one: { $support }
}
error-link-over = This link does not work any more
error-link-over-text = It was used already, or too much time has passed. Ask for a new one.
error-signed-out = You have been signed out
error-signed-out-text = Nothing was changed. Sign in again to go on.

# Development: the inbox of `postern dev`
inbox = Inbox
development = Development
documents = API reference
inbox-text = Mails and codes of this machine, kept in memory. The page renews itself.
inbox-empty = Nothing yet. Ask for a code and look again.
dev-start = Start
dev-start-title = { $brand } runs on this machine
dev-start-text = For development: nobody but this machine can reach it. Mails stay in memory, and everybody here can read them.
dev-start-people = People to sign in as
dev-start-people-text = They have no password yet. They sign in with a code from an email.
dev-start-code = Enter one of these emails. The code appears in the inbox.
dev-start-tasks = Try an app that uses { $brand }: the tasks app, when it runs.
dev-start-clients = Apps that may ask for sign-ins
dev-start-issuer = Issuer:
dev-start-secret = Secret:
dev-start-snippet = Configuration
dev-start-add = Add your app
dev-start-add-text = Choose your stack. The command adds the app and prints its secret and its configuration. --base-url says where the app runs.
dev-start-command = Command
mail-samples = Mails
mail-samples-text = Every mail in every language, with values that are made up.
mail-samples-plain = Text

# Accounts: registration, and a new password
password = Password
new-password = New password
password-hint = At least { $least } characters. Three or four unrelated words work well.
password-too-short = Use at least { $least } characters.
password-too-long = Use at most { $most } characters.
password-control = This has characters that cannot be typed. Type it again.
password-context = Do not make it of your address, your name or the name of this service.
password-guessable = This one is easy to guess. Use a longer one, such as three or four unrelated words.
password-breached = This one is known from a data breach and is among the first to be tried. Use another one, here and wherever else you use it.
strength-0 = Very weak.
strength-1 = Weak.
strength-2 = Fair.
strength-3 = Good.
strength-4 = Very good.
name-optional = Name (optional)
name-malformed = Enter at most 100 characters, without invisible ones or ones that turn the direction of text.
register = Create your account
register-under = We send one email to confirm the address.
registered-text = We sent an email to this address. Open the link in it to go on.
have-an-account = Have an account?
make-an-account = Create an account
verify-email = Confirm your address
verify-email-text = One step is left: enter the password that you chose.
verify-email-not-you = If you did not register, close this page.
verify-password-wrong = This is not the password that you chose when you registered.
confirm-address = Confirm
email-verified = Your account is ready
email-verified-text = Your address is confirmed. You can sign in now.
forgot-password = Forgot your password?
forgot-password-under = We email you a link to set a new one.
send-link = Send me a link
reset-sent-text = We sent a link to set a new password, if an account uses this email address.
reset-password = Set a new password
reset-password-under = You will be signed out on all devices.
set-password = Save the password
password-changed = Your password is set
password-changed-text = You were signed out everywhere. Sign in with the new password.
letter-sent = Check your email
email-sent-to = We sent an email to <strong>{ $email }</strong>. Open the link in it to go on.
back-to-sign-in = Back to sign-in
continue-to = Continue to { $name }
back-to-app-title = Back to the app
back-to-app-text = Press Continue to go back to the app.
back-to-the-app = You began in another browser, or some time ago: go back to the app that you came from and sign in there.
nothing-came = Nothing there? Look in your spam folder first.
send-again = Send it again
registration-resent = The email is on its way again, if a registration with this address waits for it.
invitation-under = You were invited. Choose a password, and your account is ready.
change = Change
save = Save
new-email = New email address
email-is = Now: { $email }
change-email-text = We send a link to the new address. Your address changes when you open it.
email-change-sent = We sent a link to the new address. Open it to make the change.
email-same = This is your address already.
confirm-email = Confirm your new address
confirm-email-text = The account <strong>{ $account }</strong> will use the email <strong>{ $email }</strong> from now on: it is how you sign in, and where our messages go.
confirm-email-button = Use this email
confirm-email-sign-in-text = The account <strong>{ $account }</strong> is to get the email <strong>{ $email }</strong>. To confirm this, sign in to that account here, or open the link in the browser where you are signed in to it.
confirm-email-not-yours = If this is not your account, close this page. Nothing changes.
confirm-email-elsewhere = This link is for another account
confirm-email-elsewhere-text = It would give the email <strong>{ $email }</strong> to the account <strong>{ $account }</strong>, but you are signed in as <strong>{ $signed_in }</strong>. If both accounts are yours, sign out, open the link again and sign in to that account.
email-changed = Your address is changed
email-changed-text = Your account now uses <strong>{ $email }</strong>.
undo-email-change = Undo the change of email
undo-email-change-text = Your account gets the email <strong>{ $email }</strong> back, and whoever changed it loses access:
undo-email-change-ends = You are signed out on every device, and apps lose their access.
undo-email-change-password = The password stops working. We send a link to set a new one to <strong>{ $email }</strong>.
undo-email-change-devices = Passkeys, authenticator apps and recovery codes are removed if they were set up in the week before the change, or since.
undo-email-change-not = If you changed the email yourself, close this page. Nothing changes.
undo-email-change-button = Undo the change
email-undone = The change is undone
email-undone-text = Your account has the email <strong>{ $email }</strong> again. We sent a message there with what to do next.
email-in-use = Another account uses this email
email-in-use-text = Nothing was changed: your former email belongs to another account by now, so yours cannot have it back. Sign in to that account and give it another email, then open the link again.
profile = Profile
profile-text = What apps may see, if you allow it. All of it is optional.
profile-changed = Saved.
profile-names = Your name
profile-pages = On the web
claim-name = Full name
claim-given-name = Given name
claim-middle-name = Middle name
claim-family-name = Family name
claim-nickname = Nickname
claim-preferred-username = User name
claim-preferred-username-hint = How you like to be called in apps. You do not sign in by it.
claim-birthdate = Date of birth
claim-birthdate-hint = Such as 1990-04-01, or 0000-04-01 without the year.
claim-gender = Gender
claim-phone-number = Phone number
claim-phone-number-hint = With the country code, such as +49 30 123456.
claim-locale = Language
claim-locale-hint = Such as en or de-AT.
claim-zoneinfo = Time zone
claim-zoneinfo-hint = Such as Europe/Berlin.
claim-address = Postal address
claim-street-address = Street and number
claim-postal-code = Postal code
claim-locality = City
claim-region = State or region
claim-country = Country
claim-formatted = The whole address
claim-formatted-hint = As it is written on an envelope.
claim-website = Website
claim-website-hint = Beginning with https://, like the two below.
claim-profile = Profile page
claim-picture = Picture
web-page-malformed = Enter a web address that begins with https://, without a user name or password in it.
birthdate-malformed = Enter a date such as 1990-04-01.
zoneinfo-malformed = Enter the name of a time zone such as Europe/Berlin.
locale-malformed = Enter a language such as en or de-AT.
phone-number-malformed = Enter a number with + and its country code, such as +49 30 123456.
password-on-text = You can sign in with it.
password-off-text = You can sign in without one.
password-set = Your password is set.
recovery-codes = Recovery codes
recovery-codes-text = They are your way back in when your phone is lost. Each works once.
recovery-codes-under = For the day your phone is lost
recovery-codes-left = { $count ->
    [0] You have no codes.
    [one] 1 code is left.
   *[other] { $count } codes are left.
}
recovery-codes-kept = I have kept them
recovery-codes-renew = Make new codes
recovery-codes-keep = Keep your recovery codes
recovery-codes-missing = Not kept
recovery-codes-not-kept-text = You did not say that you kept your recovery codes. Without them a lost phone can lock you out.
recovery-codes-made = Keep these codes apart from your phone. We show them only now. Any that you had before no longer work.
download = Download
print = Print
change-password-text = Choose one that you use nowhere else.
sign-out-elsewhere = Sign out on all other devices
sessions = Devices
sessions-text = Where you are signed in
session-here = This device
session-now = Active now
sessions-elsewhere = Others
no-sessions-elsewhere = You are signed in nowhere else.
session-of-app = An app
session-of-browser = A browser
session-from = from { $ip }
session-times = last used { $seen }, signed in { $since }
session-not-you = Is one of these not you? Sign it out, then choose a new password.
session-ended = Signed out.
end-others = Sign out all others
applications = Apps
applications-title = Apps with access
applications-text = Apps with access to your account
applications-under = What each may see and do
open-application = Open
application-removed = Access removed. The app must ask you again.
no-applications = No app has access.
remove-access = Remove access
remove = Remove

# The account's home: how it is protected
security = Security of your account
security-good = Your account is well protected
security-hint = One thing would help
security-next-passkey = Add a passkey: you sign in with one press, and no fake page can get it from you.
security-next-passkey-button = Add a passkey
security-next-authenticator = Set up an authenticator app: from then on your email alone is not enough to sign in.
security-next-authenticator-button = Set up the app
security-next-make-codes = You have no recovery codes at hand. If your phone is lost, they are your way back in.
security-next-make-codes-button = Make recovery codes
security-next-renew-codes = You have { $count ->
    [one] 1 recovery code
   *[other] { $count } recovery codes
} left. Make new ones before you need them.
security-next-renew-codes-button = Make new codes
security-passkeys = { $count ->
    [one] 1 passkey
   *[other] { $count } passkeys
}
security-codes = { $count ->
    [0] No recovery codes
    [one] 1 recovery code left
   *[other] { $count } recovery codes left
}
security-devices = { $count ->
    [one] Signed in on this device only
   *[other] Signed in on { $count } devices
}
security-elsewhere = Last sign-in elsewhere: { $device }, { $at }

# The link of a notice that signs out everywhere
sign-out-everywhere = Sign out everywhere
sign-out-everywhere-text = for the account of <strong>{ $email }</strong>
sign-out-everywhere-ends = Every device is signed out, and no app has access any more.
sign-out-everywhere-keeps = Password, passkeys and everything else stay as they are. You are not signed in by this.
sign-out-everywhere-not = If it was you, close this page. Nothing changes.
signed-out-everywhere = Signed out everywhere
signed-out-everywhere-text = No device and no app has access to the account any more. Sign in and look at how your account can be opened.
signed-out-everywhere-password = No device and no app has access to the account any more. Whoever knows the password can sign in again, so set a new one now.

# Accounts: what happened, what is kept, and the end
activity = Activity
activity-text = What happened to your account, the newest first
activity-none = Nothing has happened yet.
activity-older = Older
activity-not-you = Was something here not you? Choose a new password, then sign out all other devices under Devices.
activity-by-operator = by the operator
activity-other = Something else: { $kind }
activity-method-password = password
activity-method-totp = authenticator app
activity-method-passkey = passkey
activity-method-recovery-code = recovery codes
activity-method-email-otp = emailed code
activity-method-code = sent code
activity-method-all = everything but your email
activity-method-other = another way
activity-login-begun = Sign-in begun: { $method }
activity-login-failed = Sign-in failed: { $method }
activity-login-proof-accepted = First step of a sign-in accepted
activity-login-operator-code-created = Sign-in code made for you
activity-session-started = Signed in
activity-session-renewed = Signed in again
activity-session-ended = Signed out
activity-authorization-granted = App signed you in
activity-consent-allowed = App allowed
activity-consent-denied = App not allowed
activity-email-verified = Email address confirmed
activity-email-changed = Email address changed
activity-email-change-asked = Change of email address begun
activity-access-ended = Signed out everywhere by the link of a mail
activity-email-change-undone = Change of email address undone
activity-profile-changed = Profile changed
activity-grant-created = App got access
activity-grant-revoked = Access of an app ended
activity-application-removed = Access removed
activity-credential-enrolled = Added: { $method }
activity-credential-enrolment-begun = Setting up begun: { $method }
activity-credential-enrolment-failed = Wrong code while setting up: { $method }
activity-credential-changed = Changed: { $method }
activity-credential-removed = Removed: { $method }
activity-credential-renamed = Renamed: { $method }
activity-credential-count-went-back = A passkey may have been copied
activity-password-reset-asked = Link for a new password sent
activity-user-added = Account created
activity-user-registered = Account created
activity-user-disabled = Account locked
activity-user-enabled = Account unlocked
activity-user-unlocked = Failed sign-ins forgotten
activity-account-exported = Your data downloaded
activity-account-closed = Account closed
activity-account-restored = Account kept
own-data = Your data
own-data-text = Download what we keep about you, or delete your account
export = Download your data
export-text = A file (JSON) with what we keep about you: your profile, how you sign in (no secrets), devices, apps, and up to { $most } entries of your activity.
delete-account = Delete the account
delete-account-title = Delete your account?
delete-account-under = You can undo it for a while, by signing in.
delete-account-at-once = Your account is closed at once: you are signed out on all devices, and apps lose their access.
delete-account-later = Everything is deleted after { $date }. Until then you can sign in and keep the account; after that nobody can bring it back.
account-closed = Your account is closed
account-closed-text = You were signed out everywhere. Everything is deleted after { $date }. To keep the account, sign in before then.
account-kept = You kept your account. Apps need you to sign in again.
restore-text = It will be deleted after { $date }. Until then you can keep it.
keep-account = Keep the account
leave-closed = Leave it closed

# Mail
mail-footer = Sent by { $name }, { $issuer }
mail-questions = Questions?
mail-code-subject = { $code } is your code
mail-code-title = Your code
mail-code-title-client = Your code for { $client }
mail-code-enter = Enter it in the browser where you asked for it.
mail-code-lifetime = It works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}.
mail-code-not-you = Not you? Then somebody typed your email address. You can ignore this; nobody gets in without the code. Never tell it to anybody: we do not ask for it.
mail-passkey-added-subject = A passkey was added to your account
mail-passkey-added-text = From now on we ask for it when you sign in another way.
mail-passkey-removed-subject = A passkey was removed from your account
mail-passkey-removed-text = Nobody can sign in with it any more.
mail-totp-on-subject = An authenticator app was set up for your account
mail-totp-on-text = From now on you need it where a second step is asked for.
mail-totp-off-subject = The authenticator app was removed from your account
mail-totp-off-text = Your email alone is now enough to sign in.
mail-recovery-codes-subject = New recovery codes for your account
mail-recovery-codes-text = The ones you had before no longer work.
mail-recovery-code-used-subject = A recovery code of your account was used
mail-recovery-code-used-text = Somebody signed in with it, and it does not work any more.
mail-account-closed-subject = Your account is closed
mail-account-closed-text = Everything in it is deleted after { $date }.
mail-account-closed-undo = Until then you can keep it: sign in.
mail-account-closed-button = Keep the account
mail-account-restored-subject = Your account was kept
mail-account-restored-text = It is open again and will not be deleted.
mail-verify-email-subject = Confirm your email address
mail-verify-email-text = Somebody, probably you, wants to create an account with this address. Open the link to confirm it:
mail-verify-email-button = Confirm the address
mail-verify-email-ignore = The link works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}. Not you? Ignore this message: no account was created.
mail-already-registered-subject = You have an account already
mail-already-registered-text = Somebody, probably you, tried to create an account with this address. There is one already. If you forgot its password, set a new one:
mail-already-registered-button = Set a new password
mail-already-registered-ignore = Not you? Ignore this message: nothing was changed.
mail-reset-password-subject = Set a new password
mail-reset-password-text = Somebody, probably you, asked to set a new password for your account. Open the link to do it:
mail-reset-password-button = Set a new password
mail-reset-password-ignore = The link works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}. Not you? Ignore this message: nothing was changed.
mail-password-changed-subject = Your password was changed
mail-password-changed-text = From now on the new password of your account is needed.
mail-new-device-subject = New sign-in to your account
mail-new-device-text = Somebody signed in from a device or place that your account does not know.
mail-new-device-when = When
mail-new-device-what = Device
mail-new-device-where = IP address
mail-new-device-ignore = If it was you, there is nothing to do.
mail-second-step-failed-subject = Your password was used, and the second step failed
mail-second-step-failed-text = Somebody entered the right password of your account and then failed at the second step, several times.
mail-second-step-failed-change = Was that not you? Then somebody knows your password. Change it:
mail-second-step-failed-button = Change the password
mail-second-step-failed-sign-out = To be safe, you can also sign out every device and app:
mail-second-step-failed-ignore = If it was you, there is nothing to do. We tell you this at most once a day.
mail-password-ended-subject = The password of your account does not work any more
mail-password-ended-text = You signed in with a code that was sent to this address, which proves that it is yours. The password of this account was set before that, perhaps by somebody else. So it was removed, and everybody else was signed out.
mail-password-ended-next = If you want to sign in with a password, set a new one on the page of your account.
mail-sign-out-text = Was that not you? Then somebody else has access to your account. Sign out every device and app here, then choose a new password:
mail-sign-out-button = This was not me: sign out everywhere
mail-sign-out-note = The link works once, for 7 days. Do not pass this message on.
mail-not-you = Was that not you? Then somebody else has access to your account. Sign in, choose a new password and sign out all other devices.
mail-confirm-email-subject = Confirm your new address
mail-confirm-email-text = The account { $account } is to use this email address from now on. If that is your account, open the link in the browser where you are signed in to it:
mail-confirm-email-button = Confirm the address
mail-confirm-email-ignore = The link works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}. Not you? Ignore this message: nothing was changed.
mail-address-taken-subject = This address has an account already
mail-address-taken-text = The account { $account } wanted to use this email address. Another account uses it already, so nothing was changed. This is where you sign in:
mail-address-taken-button = To your account
mail-address-taken-ignore = Not you? Ignore this message.
mail-email-change-asked-subject = Another address was given for your account
mail-email-change-asked-text = We sent a link there. Your account keeps this address until somebody opens that link.
mail-email-changed-subject = The email address of your account was changed
mail-email-changed-text = Your account does not use this address any more.
mail-email-changed-undo = Was that not you? Then somebody else has access to your account. Until { $date } you can undo the change here:
mail-email-changed-button = Undo the change
mail-email-changed-ignore = If you changed it yourself, there is nothing to do. Do not pass this message on: its link works without a password.
mail-email-restored-subject = Your account has this email again
mail-email-restored-text = The change of the email address was undone. You were signed out on every device, and the password was removed. Go on here to use your account again:
mail-email-restored-button = Go on
mail-email-restored-later = If the link does not work any more, choose “Forgot your password?” when you sign in. Then look at your passkeys, your authenticator app and your profile: whoever changed the email may have changed them too.
mail-email-change-undone-subject = Your email was removed from an account
mail-email-change-undone-text = The owner of an account took back that this email address was given to it. The account does not use it any more.
mail-email-change-undone-ask = If the account is yours, use the email that it had before to sign in.
mail-invitation-subject = You are invited
mail-invitation-text = Create an account with this address: open the link and choose a password.
mail-invitation-button = Create your account
mail-invitation-ignore = The link works once, for { $days ->
    [one] 1 day
   *[other] { $days } days
}. If you do not want an account, ignore this message.
mail-invited-already-subject = You were invited, and have an account already
mail-invited-already-text = Somebody invited you to create an account with this address. There is one already. This is where you sign in:
mail-invited-already-button = To your account
mail-invited-already-ignore = Nothing was changed.
