# What people read, in English. To add a language, copy this file to `<language>.ftl` and translate it; what is left out is
# read in English. On pages a message is HTML (`&amp;` for &), and its { $arguments } are escaped.

# "ltr" or "rtl"
direction = ltr

# Shared
signed-in-by = Signed in by Postern
privacy = Privacy
terms = Terms
email = Email
code = Code
name = Name
continue = Continue
cancel = Cancel
or = or
sign-in = Sign in
sign-out = Sign out
to-continue-to = to continue to <strong>{ $name }</strong> at { $place }
to-your-account = to your account
for-client = for <strong>{ $name }</strong>
as-user = as <strong>{ $email }</strong>
reference = Reference:
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
method-email-otp-title = Check your mail
method-email-otp-intro = If an account uses <strong>{ $identifier }</strong>, we sent an 8-digit code to it. It works once, for { $lifetime ->
    [one] 1 minute
   *[other] { $lifetime } minutes
}, in this browser only.
method-code = Send me a code
method-code-hint = We will send you a code.
method-code-title = Enter your code
method-code-intro = If an account uses <strong>{ $identifier }</strong>, we sent it an 8-digit code. It works once, for { $lifetime ->
    [one] 1 minute
   *[other] { $lifetime } minutes
}, in this browser only.
method-code-operator = Use a code I was given
method-code-operator-hint = You need the code that your administrator gave you.
method-code-operator-title = Enter your code
method-code-operator-intro = Enter the 8-digit code that your administrator gave you for <strong>{ $identifier }</strong>.
method-passkey = Use a passkey
method-passkey-hint = You need a device with your passkey.
method-passkey-title = Use your passkey
method-passkey-intro = Your device asks for your finger, your face or its PIN. Nothing of that leaves it.
method-totp = Use my authenticator app
method-totp-hint = You need your authenticator app.
method-totp-title = One more step
method-totp-intro = Enter the 6-digit code that your authenticator app shows for <strong>{ $identifier }</strong>.
method-recovery-code = Use a recovery code
method-recovery-code-hint = You need one of your recovery codes.
method-recovery-code-title = Enter a recovery code
method-recovery-code-intro = Enter one of the recovery codes you kept for <strong>{ $identifier }</strong>. Each works once.
method-password = Use my password
method-password-hint = You need your password.
method-password-title = Enter your password
method-password-intro = Enter the password for <strong>{ $identifier }</strong>.
method-other-title = One more step
method-other-intro = Enter your code for <strong>{ $identifier }</strong>.
method-other-hint = You will be asked for one more thing.
send-another-code = Send another code
remember-me = Keep me signed in on this device
use-another-way = Use another way
use-another-address = Use another address
time-left = Time left:
code-sent-again = If an account uses this address, another code is on its way. Only the newest code works.

# Another way, and another factor
another-way-title = Use another way
another-way-intro = Choose how to sign in as <strong>{ $identifier }</strong>.
another-factor-title = One more step
another-factor-intro = Choose how to confirm that you are <strong>{ $identifier }</strong>.
no-way-title = You need a second step
no-way-text = What you are signing in to asks for a second step, and your account has none yet.
no-way-set-up = Set up an authenticator app
no-way-try-again = I have set it up
no-way-passkey-title = You need a passkey
no-way-passkey-text = What you are signing in to asks for a passkey, and your account has none yet.
no-way-passkey-set-up = Set up a passkey
no-way-give-up = Go back to { $name }

# Wrong answers, beside the field
code-needed = Enter the code.
code-wrong = That code is not right or no longer works. Check it, or ask for another one.
passkey-needed = Use the button: your browser asks for your passkey.
passkey-wrong = This passkey was not accepted. Try again, or use another way.
passkey-failed = That did not work, or it was cancelled. Try again, or use another way.
passkey-needs-script = Passkeys need JavaScript, which is switched off in this browser. Everything else works without it.
passkey-needs-browser = This browser cannot use passkeys. Use another way, or another browser.
passkey-use = Use passkey
totp-wrong = That code is not right. Enter the one that your app shows now.
recovery-code-wrong = That code is not right or was used already. Check it, or use another one.
password-needed = Enter the password.
password-wrong = That address and password do not belong together. Check the password, or set a new one.

# Consent
allow-title = Allow { $name }?
not-you = not you?
asks-to = { $name } ({ $place }) asks to:
allow = Allow
deny = Deny
consent-lifetime = It stays connected for { $idle ->
    [one] 1 day
   *[other] { $idle } days
} without use, { $days ->
    [one] 1 day
   *[other] { $days } days
} at most.
consent-after = Either way you return to { $place }.
at-resource = at { $name }
scope-openid = Know who you are
scope-openid-detail = a number that stands for your account
scope-profile = See your profile
scope-profile-detail = your name and what else your profile says
scope-email = See your email address
scope-address = See your postal address
scope-phone = See your phone number
scope-offline_access = Stay connected when you are away
scope-offline_access-detail = also after you sign out
scope-account = Manage your account
scope-account-detail = your profile, how you sign in, and where you are signed in

# Sign out
sign-out-title = Sign out?
sign-out-text = You will be signed out of Postern and of the apps that you used with it.
sign-out-of-client = { $name } asks to sign you out. You will be signed out of Postern and of the apps that you used with it.
sign-out-stays-invalid-hint = The proof of your sign-in (id_token_hint) that came with this request is not valid. After signing out you will stay here.
sign-out-stays-missing-hint = This request does not prove which app it comes from: its id_token_hint is missing. After signing out you will stay here.
sign-out-stays = This request names a return address that is not registered for the app. After signing out you will stay here.
stay-signed-in = Stay signed in
signed-out = You are signed out
signed-out-text = You can close this page. Apps that you allowed to stay connected when you are away still are.
signed-out-told = These apps are being told that you signed out:
signed-out-not-told = These apps cannot be told. Sign out of them yourself:
signed-out-returns = You will be taken back to the app in a moment.
sign-in-again = Sign in again

# Home and account
home-title = This is Postern
home-text = Apps send you here to sign in. You can also look at your own account.
account = Account
your-account = Your account
about-you = About you
signing-in = Signing in
manage = Manage
set-up = Set up
authenticator = Authenticator app
authenticator-text = A second step when you sign in to something that asks for it.
authenticator-on-text = It is set up. You need it to sign in where a second step is asked for.
authenticator-off-text = It is not set up. An app on your phone shows a new 6-digit code every 30 seconds; with it, your mail alone is not enough to sign in as you.
passkeys = Passkeys
passkeys-text = Sign in with your finger, your face or a PIN, without a password or a code. Nobody can be tricked out of a passkey.
passkeys-count = { $count ->
    [0] Sign in with your finger, your face or a PIN.
    [one] One passkey is set up.
   *[other] { $count } passkeys are set up.
}
passkeys-yours = Your passkeys
passkey-add = Add a passkey
passkey-add-text = A passkey is kept by this device, by your password manager or on a security key.
passkey-name = Name
passkey-name-hint = What you will know it by, such as “Phone”.
passkey-made = Set up { $day }
passkey-used = last used { $day }
passkey-flagged = Its count of signatures went back on { $day }: somebody may have a copy. Remove it unless you know why.
passkey-remove = Remove { $name }
passkey-added = The passkey is set up.
passkey-renamed = The passkey has its new name.
passkey-removed = The passkey is removed.
passkey-took-too-long = That took too long. Try again.
passkey-not-made = The passkey was not set up: it did not work, or it was cancelled. Try again.
passkey-registered = This passkey is set up already.
passkey-too-many = An account has at most 20 passkeys. Remove one first.
passkey-name-rule = Choose a name of 1 to 64 characters, without invisible ones or ones that turn the direction of text.
rename = Rename
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
error-try-again = Try again
error-to-account = To your account
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
error-request-gone = This sign-in cannot go on here
error-request-gone-text = It took too long, is already finished, or was begun in another browser. Go back to the app that you came from and sign in again.
error-invalid-redirect-uri = Invalid redirect URI
error-invalid-redirect-uri-text = The app that sent you here asked to send you back to an address that is not registered for it, so we stopped. Tell the people who run the app.
error-unknown-client = Unknown app
error-unknown-client-text = The app that sent you here is not registered with us, so we stopped. Tell the people who run the app.
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
error-tries-used-up = Start again
error-tries-used-up-text = That was one try too many, or it took too long. Begin anew and we will send you a fresh code.
error-no-method = There is no way to sign in here
error-no-method-text = None of the ways to sign in that this app allows is switched on. Tell the people who run the app.
error-unavailable = We cannot answer just now
error-unavailable-text = It is our fault and should pass soon. Wait a moment, then try again.
error-internal = Something went wrong here
error-internal-text = It is our fault. Try again; if it happens again, tell us the reference below.
error-registration-closed = Nobody can register here
error-registration-closed-text = Accounts are made by your administrator. Ask for one there.
error-no-mail = A new password cannot be set here
error-no-mail-text = This service sends no mail, so there is no link to send. Ask your administrator.
error-mails-exhausted = No mail can be sent for new accounts just now
error-mails-exhausted-text = Nobody can register until then. Whoever has an account can sign in as usual.
error-invitation-needed = You need an invitation
error-invitation-needed-text = Accounts are made by invitation here. Follow the link in yours; if you have none, ask your administrator for one.
error-link-over = This link does not work any more
error-link-over-text = It was used already, or too much time has passed. Ask for a new one.
error-signed-out = You have been signed out
error-signed-out-text = Nothing was changed. Sign in again to go on.

# Development: the inbox of `postern dev`
inbox = Inbox
inbox-text = Mails and codes of this machine, kept in memory. The page renews itself.
inbox-newest-first = Newest first
inbox-empty = Nothing yet. Ask for a code and look again.
dev-start = Start
dev-start-title = Postern runs on this machine
dev-start-text = For development: nobody but this machine can reach it. Mails stay in memory, and everybody here can read them.
dev-start-docs = API
dev-start-people = People to sign in as
dev-start-people-text = They have no password yet. They sign in with a code from an email.
dev-start-code = Enter one of these emails. The code appears in the inbox.
dev-start-tasks = Try an app that uses Postern: the tasks app, when it runs.
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
password-hint = At least { $least } characters. Several words that have nothing to do with each other are easy to remember and hard to guess.
password-too-short = Use at least { $least } characters.
password-too-long = Use at most { $most } characters.
password-control = Leave out control characters.
password-context = Do not make it of your address, your name or the name of this service.
password-guessable = This one is easy to guess. Use a longer one, such as several words that have nothing to do with each other.
password-breached = This one is known from a data breach and is among the first to be tried. Use another one, here and wherever else you use it.
strength-0 = Very weak.
strength-1 = Weak.
strength-2 = Fair.
strength-3 = Good.
strength-4 = Very good.
name-optional = Name (optional)
name-malformed = Enter at most 100 characters, without invisible ones or ones that turn the direction of text.
register = Create an account
register-under = You will confirm your address by mail.
registered-text = If this address has no account yet, we sent it a link that completes the registration. Otherwise we sent it a mail that says so.
have-an-account = I have an account
make-an-account = Create an account
verify-email = Confirm your address
verify-email-text = One step is left: enter the password you chose, to confirm that this address is yours. If you did not register, close this page.
verify-password-wrong = That is not the password this registration began with. If it was not you who registered, close this page.
confirm-address = Confirm
email-verified = Your account is ready
email-verified-text = Your address is confirmed. You can sign in now.
forgot-password = Forgot your password?
forgot-password-under = We will mail you a link to set a new one.
send-link = Send me a link
reset-sent-text = If an account uses this address, we sent it a link to set a new password.
reset-password = Set a new password
reset-password-under = You will be signed out everywhere.
set-password = Set the password
password-changed = Your password is set
password-changed-text = You were signed out everywhere. Sign in with the new password.
letter-sent = Check your mail
back-to-sign-in = Back to sign-in
continue-to = Continue to { $name }
back-to-app-title = Back to the app
back-to-app-text = Press Continue to go back to the app.
back-to-the-app = You began in another browser, or some time ago: go back to the app that you came from and sign in there.
nothing-came = Did nothing come? Look into your spam folder, or have the mail sent again:
send-again = Send it again
registration-resent = If a registration with this address waits to be confirmed, its mail is on its way again.
invitation-under = You were invited. Choose a password, and your account is ready.
invited-text = You can sign in now.
change = Change
save = Save
new-email = New email address
change-email-text = We mail a link to the new address. You keep the address you have until you follow it.
email-change-sent = We sent a link to the new address. Follow it to make the change.
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
profile-text = What apps may learn about you, if you let them. Everything is optional.
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
password-on-text = It is set. You can sign in by it.
password-off-text = It is not set. With one you can sign in without a mail.
password-set = Your password is set.
recovery-codes = Recovery codes
recovery-codes-text = Each stands in once for a device that is lost. Keep them apart from it.
recovery-codes-left = { $count ->
    [0] You have no codes.
    [one] 1 code is left.
   *[other] { $count } codes are left.
}
recovery-codes-renew = Make new codes
recovery-codes-made = These are your codes. They are shown this once, and end the ones before.
download = Download
change-password-text = Choose one that you use nowhere else.
sign-out-elsewhere = Sign out everywhere else
sessions = Devices
sessions-text = Where your account is signed in.
session-here = Here
sessions-elsewhere = Elsewhere
no-sessions-elsewhere = You are signed in nowhere else.
session-of-app = An application
session-of-browser = A browser
session-from = from { $ip }
session-times = since { $since }, last seen { $seen }
session-ended = Ended.
end = End
end-others = End all others
applications = Applications
applications-text = What you have let in, and what it may do.
open-application = Open
applications-let-in = Let in
application-removed = Removed. It must ask again.
no-applications = You have let in nothing.
remove = Remove

# Accounts: what happened, what is kept, and the end
view = Look
activity = Activity
activity-text = What happened to your account, and from where.
activity-newest-first = Newest first
activity-none = Nothing is recorded.
activity-older = Older
activity-not-you = If something here was not you, set a new password, end all other sessions under Devices and tell your administrator.
activity-by-operator = by your administrator
activity-other = Something else: { $kind }
activity-method-password = a password
activity-method-totp = an authenticator app
activity-method-passkey = a passkey
activity-method-recovery-code = recovery codes
activity-method-email-otp = a mailed code
activity-method-code = a code that was sent or handed over
activity-method-all = everything but your mail
activity-method-other = another way
activity-login-begun = A sign-in was begun: { $method }
activity-login-failed = A sign-in failed: { $method }
activity-login-proof-accepted = A step of a sign-in was passed
activity-login-operator-code-created = A sign-in code was made for you
activity-session-started = Signed in
activity-session-renewed = Signed in again
activity-session-ended = Signed out
activity-authorization-granted = An application was let in
activity-consent-allowed = An application was allowed to ask for your data
activity-consent-denied = An application was denied what it asked for
activity-email-verified = The address of your account was confirmed
activity-email-changed = The address of your account was changed
activity-email-change-asked = Another address was given for your account
activity-email-change-undone = The change of email was undone
activity-profile-changed = Your profile was changed
activity-grant-created = An application got access
activity-grant-revoked = An application lost its access
activity-application-removed = An application was shown out
activity-credential-enrolled = A way to sign in was set up: { $method }
activity-credential-enrolment-begun = Setting up a way to sign in was begun: { $method }
activity-credential-enrolment-failed = A wrong code was typed while setting up a way to sign in: { $method }
activity-credential-changed = A way to sign in was changed: { $method }
activity-credential-removed = A way to sign in was removed: { $method }
activity-credential-renamed = A way to sign in was renamed: { $method }
activity-credential-count-went-back = The counter of a passkey went back: it may have been copied
activity-password-reset-asked = A link to set a new password was asked for
activity-user-added = The account was made
activity-user-registered = The account was made
activity-user-disabled = The account was locked
activity-user-enabled = The account was opened again
activity-user-unlocked = Failed sign-ins were forgotten
activity-account-exported = Your data was downloaded
activity-account-closed = The account was closed
activity-account-restored = The account was kept after all
own-data = Your data
own-data-text = Take it with you, or delete your account.
export = Download everything
export-text = A file (JSON) with what we keep about you: profile, how you sign in (no secrets), devices, applications, and up to { $most } entries of your activity.
delete-account = Delete the account
delete-account-under = You can undo it for a while, by signing in.
delete-account-at-once = The account is closed at once: you are signed out everywhere, and applications lose their access.
delete-account-later = Everything is deleted after { $date }. Until then you can sign in and keep the account; after that nobody can bring it back.
account-closed = Your account is closed
account-closed-text = You were signed out everywhere. Everything is deleted after { $date }. To keep the account, sign in before then.
account-kept = You kept your account. Applications need you to sign in again.
restore-text = It will be deleted after { $date }. Until then you can keep it.
keep-account = Keep the account
leave-closed = Leave it closed

# Mail
mail-greeting = Hello,
mail-footer = This message was sent by { $issuer }. Nobody reads answers to it.
mail-code-subject = { $code } is your code
mail-code-preview = It signs you in, once.
mail-code-intro = here is the code to sign in:
mail-code-intro-client = here is the code to sign in to { $client }:
mail-code-lifetime = It works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}, in the browser where you asked for it.
mail-code-not-you = If you did not ask for it, somebody typed your address; you can ignore this message. Never tell anybody this code.
mail-passkey-added-subject = A passkey was added to your account
mail-passkey-added-text = A passkey was added to your account. From now on it is asked for when you sign in another way.
mail-passkey-removed-subject = A passkey was removed from your account
mail-passkey-removed-text = A passkey was removed from your account. It cannot be used to sign in any more.
mail-totp-on-subject = An authenticator app was set up for your account
mail-totp-on-text = An authenticator app was set up for your account. From now on you need it where a second step is asked for.
mail-totp-off-subject = The authenticator app was removed from your account
mail-totp-off-text = The authenticator app was removed from your account. Your mail alone is now enough to sign in.
mail-recovery-codes-subject = New recovery codes were made for your account
mail-recovery-codes-text = New recovery codes were made for your account. The ones before do not work any more.
mail-recovery-code-used-subject = A recovery code of your account was used
mail-recovery-code-used-text = One of your recovery codes was used to sign in. It does not work any more.
mail-account-closed-subject = Your account is closed
mail-account-closed-text = Your account was closed. Everything in it is deleted after { $date }.
mail-account-closed-undo = Until then you can keep it: sign in here.
mail-account-closed-button = Keep the account
mail-account-restored-subject = Your account was kept
mail-account-restored-text = Your account was closed and is open again. It will not be deleted.
mail-verify-email-subject = Confirm your address
mail-verify-email-text = somebody, probably you, wants to make an account with this address. Follow the link to confirm it:
mail-verify-email-button = Confirm the address
mail-verify-email-ignore = The link works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}. If that was not you, ignore this message: nothing was made.
mail-already-registered-subject = You have an account already
mail-already-registered-text = somebody, probably you, tried to make an account with this address. There is one already. If you forgot its password, set a new one:
mail-already-registered-button = Set a new password
mail-already-registered-ignore = If that was not you, ignore this message: nothing was changed.
mail-reset-password-subject = Set a new password
mail-reset-password-text = somebody, probably you, asked to set a new password for your account. Follow the link to do it:
mail-reset-password-button = Set a new password
mail-reset-password-ignore = The link works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}. If that was not you, ignore this message: nothing was changed.
mail-password-changed-subject = The password of your account was changed
mail-password-changed-text = The password of your account was changed.
mail-new-device-subject = A sign-in from a new device
mail-new-device-text = somebody signed in to your account from a device or place that has not signed in to it before:
mail-new-device-when = When
mail-new-device-what = Device
mail-new-device-where = Address
mail-new-device-look = If that was not you, end that session and change your password:
mail-new-device-button = See where you are signed in
mail-new-device-ignore = If that was you, there is nothing to do.
mail-second-step-failed-subject = Your password was used, and the second step failed
mail-second-step-failed-text = somebody entered the right password of your account and then failed at the second step, several times:
mail-second-step-failed-change = If that was not you, somebody knows your password. Change it:
mail-second-step-failed-button = Change the password
mail-second-step-failed-ignore = If that was you, there is nothing to do. We tell you this at most once a day.
mail-password-ended-subject = The password of your account does not work any more
mail-password-ended-text = you signed in with a code that was sent to this address, which proves that it is yours. The password of this account was set before that, perhaps by somebody else. So it was removed, and everybody else was signed out.
mail-password-ended-next = If you want to sign in with a password, set a new one on the page of your account.
mail-not-you = If that was not you, somebody else has access to your account: tell your administrator at once.
mail-confirm-email-subject = Confirm your new address
mail-confirm-email-text = the account { $account } is to use this email from now on. If that is your account, open the link in the browser where you are signed in to it:
mail-confirm-email-button = Confirm the address
mail-confirm-email-ignore = The link works once, for { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
}. If that was not you, ignore this message: nothing was changed.
mail-address-taken-subject = This address has an account already
mail-address-taken-text = the account { $account } wanted to use this email. Another account uses it already, so nothing was changed. This is where you sign in:
mail-address-taken-button = To your account
mail-address-taken-ignore = If that was not you, ignore this message.
mail-email-change-asked-subject = Another address was given for your account
mail-email-change-asked-text = another email address was given for your account, and a link was sent there. Your account keeps this address until somebody follows that link.
mail-email-changed-subject = The address of your account was changed
mail-email-changed-text = the email of your account was changed. This one is not used any more.
mail-email-changed-undo = Was that not you? Then somebody else has access to your account. Until { $date } you can undo the change here:
mail-email-changed-button = Undo the change
mail-email-changed-ignore = If you changed it yourself, there is nothing to do. Do not pass this message on: its link works without a password.
mail-email-restored-subject = Your account has this email again
mail-email-restored-text = the change of email was undone. You were signed out on every device, and the password was removed. Go on here to use your account again:
mail-email-restored-button = Go on
mail-email-restored-later = If the link does not work any more, choose “Forgot your password?” when you sign in. Then look at your passkeys, your authenticator app and your profile: whoever changed the email may have changed them too.
mail-email-change-undone-subject = Your email was removed from an account
mail-email-change-undone-text = the owner of an account took back that this email was given to it. The account does not use this email any more.
mail-email-change-undone-ask = If the account is yours, use the email that it had before to sign in.
mail-invitation-subject = You are invited
mail-invitation-text = you are invited to make an account with this address. Follow the link and choose a password:
mail-invitation-button = Make an account
mail-invitation-ignore = The link works once, for { $days ->
    [one] 1 day
   *[other] { $days } days
}. If you do not want an account, ignore this message.
mail-invited-already-subject = You were invited, and have an account already
mail-invited-already-text = somebody invited you to make an account with this address. There is one already. This is where you sign in:
mail-invited-already-button = To your account
mail-invited-already-ignore = Nothing was changed.
