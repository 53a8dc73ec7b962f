# What people read, in German. To add a language, copy this file to `<language>.ftl` and translate it; what is left out is
# read in English. On pages a message is HTML (`&amp;` for &), and its { $arguments } are escaped.

# "ltr" or "rtl"
direction = ltr

# Shared
signed-in-by = Anmeldung mit Postern
privacy = Datenschutz
terms = Nutzungsbedingungen
email = E-Mail-Adresse
code = Code
name = Name
continue = Weiter
cancel = Abbrechen
or = oder
sign-in = Anmelden
sign-out = Abmelden
to-continue-to = weiter zu <strong>{ $name }</strong> auf { $place }
to-your-account = weiter zu Ihrem Konto
for-client = für <strong>{ $name }</strong>
as-user = als <strong>{ $email }</strong>
reference = Referenz:
minutes = { $count ->
    [one] etwa 1 Minute
   *[other] etwa { $count } Minuten
}

# Sign in: the address
email-needed = Geben Sie Ihre E-Mail-Adresse ein.
email-malformed = Geben Sie eine E-Mail-Adresse wie name@example.com ein.

# Login methods: the button that begins, the hint under the address, the page that asks
method-email-otp = Code per E-Mail senden
method-email-otp-hint = Wir senden Ihnen einen Code per E-Mail.
method-email-otp-title = Sehen Sie in Ihr Postfach
method-email-otp-intro = Wenn es ein Konto mit <strong>{ $identifier }</strong> gibt, haben wir einen 8-stelligen Code dorthin gesendet. Er gilt einmal, { $lifetime ->
    [one] eine Minute
   *[other] { $lifetime } Minuten
} lang und nur in diesem Browser.
method-code = Code senden
method-code-hint = Wir senden Ihnen einen Code.
method-code-title = Geben Sie Ihren Code ein
method-code-intro = Wenn es ein Konto mit <strong>{ $identifier }</strong> gibt, haben wir ihm einen 8-stelligen Code gesendet. Er gilt einmal, { $lifetime ->
    [one] eine Minute
   *[other] { $lifetime } Minuten
} lang und nur in diesem Browser.
method-code-operator = Ich habe einen Code erhalten
method-code-operator-hint = Sie brauchen den Code, den Ihre Administration Ihnen gegeben hat.
method-code-operator-title = Geben Sie Ihren Code ein
method-code-operator-intro = Geben Sie den 8-stelligen Code ein, den Ihre Administration Ihnen für <strong>{ $identifier }</strong> gegeben hat.
method-passkey = Passkey verwenden
method-passkey-hint = Sie brauchen ein Gerät mit Ihrem Passkey.
method-passkey-title = Verwenden Sie Ihren Passkey
method-passkey-intro = Ihr Gerät fragt nach Ihrem Finger, Ihrem Gesicht oder seiner PIN. Nichts davon verlässt es.
method-totp = Authenticator-App verwenden
method-totp-hint = Sie brauchen Ihre Authenticator-App.
method-totp-title = Noch ein Schritt
method-totp-intro = Geben Sie den 6-stelligen Code ein, den Ihre Authenticator-App für <strong>{ $identifier }</strong> anzeigt.
method-recovery-code = Wiederherstellungscode verwenden
method-recovery-code-hint = Sie brauchen einen Ihrer Wiederherstellungscodes.
method-recovery-code-title = Wiederherstellungscode eingeben
method-recovery-code-intro = Geben Sie einen der Wiederherstellungscodes ein, die Sie für <strong>{ $identifier }</strong> aufbewahrt haben. Jeder gilt einmal.
method-password = Mein Passwort verwenden
method-password-hint = Sie brauchen Ihr Passwort.
method-password-title = Passwort eingeben
method-password-intro = Geben Sie das Passwort für <strong>{ $identifier }</strong> ein.
method-other-title = Noch ein Schritt
method-other-intro = Geben Sie Ihren Code für <strong>{ $identifier }</strong> ein.
method-other-hint = Wir fragen Sie gleich noch etwas.
send-another-code = Neuen Code senden
remember-me = Auf diesem Gerät angemeldet bleiben
use-another-way = Anderen Weg wählen
use-another-address = Andere Adresse verwenden
time-left = Verbleibende Zeit:
code-sent-again = Wenn es ein Konto mit dieser Adresse gibt, ist ein neuer Code unterwegs. Nur der neueste Code gilt.

# Another way, and another factor
another-way-title = Anderen Weg wählen
another-way-intro = Wählen Sie, wie Sie sich als <strong>{ $identifier }</strong> anmelden möchten.
another-factor-title = Noch ein Schritt
another-factor-intro = Wählen Sie, wie Sie bestätigen möchten, dass Sie <strong>{ $identifier }</strong> sind.
no-way-title = Sie brauchen einen zweiten Schritt
no-way-text = Für diese Anmeldung ist ein zweiter Schritt nötig, und für Ihr Konto ist noch keiner eingerichtet.
no-way-set-up = Authenticator-App einrichten
no-way-try-again = Das ist eingerichtet
no-way-passkey-title = Sie brauchen einen Passkey
no-way-passkey-text = Für diese Anmeldung ist ein Passkey nötig, und für Ihr Konto ist noch keiner eingerichtet.
no-way-passkey-set-up = Passkey einrichten
no-way-give-up = Zurück zu { $name }

# Wrong answers, beside the field
code-needed = Geben Sie den Code ein.
code-wrong = Dieser Code stimmt nicht oder gilt nicht mehr. Prüfen Sie ihn oder fordern Sie einen neuen an.
passkey-needed = Verwenden Sie die Schaltfläche: Ihr Browser fragt nach Ihrem Passkey.
passkey-wrong = Dieser Passkey wurde nicht angenommen. Versuchen Sie es noch einmal oder auf andere Weise.
passkey-failed = Das hat nicht geklappt oder wurde abgebrochen. Versuchen Sie es noch einmal oder auf andere Weise.
passkey-needs-script = Passkeys brauchen JavaScript, das in diesem Browser ausgeschaltet ist. Alles andere geht auch ohne.
passkey-needs-browser = Dieser Browser kann keine Passkeys verwenden. Nehmen Sie einen anderen Weg oder einen anderen Browser.
passkey-use = Passkey verwenden
totp-wrong = Dieser Code stimmt nicht. Geben Sie den ein, den Ihre App jetzt anzeigt.
recovery-code-wrong = Dieser Code stimmt nicht oder wurde schon benutzt. Prüfen Sie ihn, oder nehmen Sie einen anderen.
password-needed = Geben Sie das Passwort ein.
password-wrong = Adresse und Passwort gehören nicht zusammen. Prüfen Sie das Passwort, oder setzen Sie ein neues.

# Consent
allow-title = Zugriff für { $name } erlauben?
not-you = nicht Sie?
asks-to = { $name } ({ $place }) bittet um Folgendes:
allow = Erlauben
deny = Ablehnen
consent-lifetime = Die Verbindung bleibt ohne Nutzung { $idle ->
    [one] einen Tag
   *[other] { $idle } Tage
} bestehen, insgesamt höchstens { $days ->
    [one] einen Tag
   *[other] { $days } Tage
}.
consent-after = In beiden Fällen kehren Sie zu { $place } zurück.
at-resource = bei { $name }
scope-openid = Wissen, wer Sie sind
scope-openid-detail = eine Nummer, die für Ihr Konto steht
scope-profile = Ihr Profil sehen
scope-profile-detail = Ihren Namen und was sonst in Ihrem Profil steht
scope-email = Ihre E-Mail-Adresse sehen
scope-address = Ihre Postanschrift sehen
scope-phone = Ihre Telefonnummer sehen
scope-offline_access = Auch in Ihrer Abwesenheit verbunden bleiben
scope-offline_access-detail = auch nach dem Abmelden
scope-account = Ihr Konto verwalten
scope-account-detail = Ihr Profil, wie Sie sich anmelden und wo Sie angemeldet sind

# Sign out
sign-out-title = Abmelden?
sign-out-text = Sie werden bei Postern abgemeldet und bei den Apps, die Sie damit genutzt haben.
sign-out-of-client = { $name } möchte Sie abmelden. Sie werden bei Postern abgemeldet und bei den Apps, die Sie damit genutzt haben.
sign-out-stays-invalid-hint = Der Nachweis Ihrer Anmeldung (id_token_hint), der mit dieser Anfrage kam, ist ungültig. Nach dem Abmelden bleiben Sie hier.
sign-out-stays-missing-hint = Diese Anfrage weist nicht nach, von welcher App sie kommt: Ihr fehlt der id_token_hint. Nach dem Abmelden bleiben Sie hier.
sign-out-stays = Diese Anfrage nennt eine Rücksprungadresse, die für die App nicht eingetragen ist. Nach dem Abmelden bleiben Sie hier.
stay-signed-in = Angemeldet bleiben
signed-out = Sie sind abgemeldet
signed-out-text = Sie können diese Seite schließen. Apps, denen Sie das erlaubt haben, bleiben auch in Ihrer Abwesenheit verbunden.
signed-out-told = Diese Apps erfahren davon, dass Sie abgemeldet sind:
signed-out-not-told = Diese Apps erfahren nichts davon. Melden Sie sich dort selbst ab:
signed-out-returns = Sie gelangen gleich zur App zurück.
sign-in-again = Wieder anmelden

# Home and account
home-title = Das ist Postern
home-text = Apps schicken Sie hierher, damit Sie sich anmelden. Sie können auch Ihr eigenes Konto ansehen.
account = Konto
your-account = Ihr Konto
about-you = Über Sie
signing-in = Anmeldung
manage = Verwalten
set-up = Einrichten
authenticator = Authenticator-App
authenticator-text = Ein zweiter Schritt, wenn eine Anmeldung ihn verlangt.
authenticator-on-text = Eingerichtet. Sie brauchen die App, wo bei der Anmeldung ein zweiter Schritt verlangt wird.
authenticator-off-text = Nicht eingerichtet. Die App auf Ihrem Telefon zeigt alle 30 Sekunden einen neuen 6-stelligen Code; mit ihr genügt Ihr Postfach allein nicht, um sich bei Ihrem Konto anzumelden.
passkeys = Passkeys
passkeys-text = Melden Sie sich mit Finger, Gesicht oder PIN an, ohne Passwort und ohne Code. Einen Passkey kann Ihnen niemand entlocken.
passkeys-count = { $count ->
    [0] Melden Sie sich mit Finger, Gesicht oder PIN an.
    [one] Ein Passkey ist eingerichtet.
   *[other] { $count } Passkeys sind eingerichtet.
}
passkeys-yours = Ihre Passkeys
passkey-add = Passkey hinzufügen
passkey-add-text = Einen Passkey bewahrt dieses Gerät auf, Ihr Passwortmanager oder ein Sicherheitsschlüssel.
passkey-name = Name
passkey-name-hint = Woran Sie ihn erkennen, zum Beispiel „Telefon“.
passkey-made = Eingerichtet { $day }
passkey-used = zuletzt verwendet { $day }
passkey-flagged = Seine Zählung der Unterschriften ging am { $day } zurück: Jemand könnte eine Kopie haben. Entfernen Sie ihn, wenn Sie den Grund nicht kennen.
passkey-remove = { $name } entfernen
passkey-added = Der Passkey ist eingerichtet.
passkey-renamed = Der Passkey hat seinen neuen Namen.
passkey-removed = Der Passkey ist entfernt.
passkey-took-too-long = Das hat zu lange gedauert. Versuchen Sie es noch einmal.
passkey-not-made = Der Passkey wurde nicht eingerichtet: Es hat nicht geklappt oder wurde abgebrochen. Versuchen Sie es noch einmal.
passkey-registered = Dieser Passkey ist schon eingerichtet.
passkey-too-many = Ein Konto hat höchstens 20 Passkeys. Entfernen Sie zuerst einen.
passkey-name-rule = Wählen Sie einen Namen aus 1 bis 64 Zeichen, ohne unsichtbare Zeichen und ohne solche, die die Schreibrichtung umkehren.
rename = Umbenennen
save = Speichern
totp-step-scan = Scannen Sie dieses Bild mit Ihrer Authenticator-App.
totp-qr-alt = QR-Code mit dem Schlüssel unten
totp-step-key = Oder geben Sie diesen Schlüssel in die App ein:
totp-step-code = Geben Sie den 6-stelligen Code ein, den die App anzeigt.
copy = Kopieren
copied = Kopiert
turn-on = Einschalten
turn-off = Ausschalten
totp-turned-on = Die Authenticator-App ist eingerichtet.
totp-turned-off = Die Authenticator-App ist ausgeschaltet.

# Errors: what happened, and what to do about it
error-sign-in-again = Neu beginnen
error-try-again = Erneut versuchen
error-to-account = Zu Ihrem Konto
try-again-in = { $minutes ->
    [one] Versuchen Sie es in etwa 1 Minute noch einmal.
   *[other] Versuchen Sie es in etwa { $minutes } Minuten noch einmal.
}
explanation-title = Für die Entwicklung der App
explanation-check = Geprüft
explanation-came = Was ankam
explanation-expected = Was erwartet wurde
explanation-remedy = Befehl, der es erlaubt
explanation-note = Zu sehen, weil dieser Anbieter auf diesem Rechner läuft.
explanation-caution = Den Befehl nur ausführen, wenn klar ist, was ankam.
error-reference = Was diese Referenz bedeutet
error-reference-text = Eine Anfrage an diesen Server wurde abgelehnt oder ist fehlgeschlagen. Die Referenz steht für diese eine Anfrage. Über Sie oder Ihr Konto sagt sie nichts.
error-reference-person = Wenn Sie eine App benutzt haben: Gehen Sie zu ihr zurück und versuchen Sie es noch einmal. Wenn das nicht hilft, schicken Sie die Referenz an die Betreiber der App.
error-reference-developer = Wenn Sie die App entwickeln: <code>error</code> und <code>error_description</code> kamen mit der Referenz und sagen, was zu ändern ist.
error-reference-operator = Wenn Sie diesen Server betreiben: Suchen Sie in seinem Log nach der Referenz. Jede Zeile über die Anfrage nennt sie als <code>request_id</code>, und eine davon sagt, warum die Anfrage abgelehnt wurde.
error-not-found = Hier gibt es nichts
error-not-found-text = Vielleicht ist die Adresse falsch geschrieben, oder die Seite gibt es nicht mehr.
error-method-not-allowed = So lässt sich diese Seite nicht verwenden
error-method-not-allowed-text = Gehen Sie zurück und verwenden Sie die Knöpfe der Seite.
error-request-gone = Diese Anmeldung geht hier nicht weiter
error-request-gone-text = Sie hat zu lange gedauert, ist schon abgeschlossen oder wurde in einem anderen Browser begonnen. Gehen Sie zurück zu der App, von der Sie kommen, und melden Sie sich neu an.
error-invalid-redirect-uri = Ungültige Redirect-URI
error-invalid-redirect-uri-text = Die App, von der Sie kommen, wollte Sie an eine Adresse zurückschicken, die nicht für sie registriert ist. Deshalb haben wir abgebrochen. Sagen Sie es den Betreibern der App.
error-unknown-client = Unbekannte App
error-unknown-client-text = Die App, von der Sie kommen, ist bei uns nicht registriert. Deshalb haben wir abgebrochen. Sagen Sie es den Betreibern der App.
error-malformed = Das haben wir nicht verstanden
error-malformed-text = In der Anfrage fehlt etwas, oder etwas darin ist falsch. Gehen Sie zurück und versuchen Sie es noch einmal. Wenn Sie von einer App kommen, sagen Sie es deren Betreibern.
error-other-site = Das kam von woanders
error-other-site-text = Zu Ihrer Sicherheit nehmen wir Formulare nur von unseren eigenen Seiten an. Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es dort noch einmal.
error-no-cookie = Ihr Browser speichert kein Cookie von uns
error-no-cookie-text = Wir brauchen eines, um Ihre Anmeldung von anderen zu unterscheiden. Erlauben Sie Cookies für diese Website, gehen Sie dann zurück zu der App, von der Sie kommen, und melden Sie sich neu an.
error-wrong-token = Diese Seite ist veraltet
error-wrong-token-text = Es ist nichts geschehen. Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.
error-too-large = Das ist zu viel
error-too-large-text = Es wurde mehr gesendet, als wir annehmen. Gehen Sie zurück und versuchen Sie es mit weniger.
error-media-type = Dieses Format nehmen wir nicht an
error-media-type-text = Gehen Sie zurück und verwenden Sie die Knöpfe der Seite.
error-too-many = Zu viele Versuche
error-too-many-text = Um Konten zu schützen, zählen wir Versuche. Es ist nichts gesperrt; es dauert nur etwas.
error-too-many-changes = Zu viele Änderungen
error-too-many-changes-text = Ihr Konto wurde in kurzer Zeit sehr oft geändert, deshalb machen wir eine Pause. Es ist nichts verloren und nichts gesperrt.
error-tries-used-up = Beginnen Sie neu
error-tries-used-up-text = Das war ein Versuch zu viel, oder es hat zu lange gedauert. Beginnen Sie neu, dann senden wir Ihnen einen frischen Code.
error-no-method = Hier kann man sich nicht anmelden
error-no-method-text = Keiner der Wege, die diese App zum Anmelden erlaubt, ist eingeschaltet. Sagen Sie es den Betreibern der App.
error-unavailable = Wir können gerade nicht antworten
error-unavailable-text = Das liegt an uns und sollte bald vorbei sein. Warten Sie einen Moment und versuchen Sie es dann noch einmal.
error-internal = Bei uns ist etwas schiefgegangen
error-internal-text = Das liegt an uns. Versuchen Sie es noch einmal; wenn es wieder geschieht, nennen Sie uns die Referenz unten.
error-registration-closed = Hier kann sich niemand registrieren
error-registration-closed-text = Konten legt Ihre Verwaltung an. Fragen Sie dort danach.
error-no-mail = Hier lässt sich kein neues Passwort setzen
error-no-mail-text = Dieser Dienst verschickt keine E-Mails, also auch keinen Link. Fragen Sie Ihre Administration.
error-mails-exhausted = Zurzeit kann für neue Konten keine E-Mail verschickt werden
error-mails-exhausted-text = Bis dahin kann sich niemand registrieren. Wer ein Konto hat, kann sich anmelden wie immer.
error-invitation-needed = Sie brauchen eine Einladung
error-invitation-needed-text = Konten gibt es hier auf Einladung. Folgen Sie dem Link in Ihrer Einladung; wenn Sie keine haben, bitten Sie Ihre Administration um eine.
error-link-over = Dieser Link funktioniert nicht mehr
error-link-over-text = Er wurde schon benutzt, oder es ist zu viel Zeit vergangen. Fordern Sie einen neuen an.
error-signed-out = Sie wurden abgemeldet
error-signed-out-text = Es wurde nichts geändert. Melden Sie sich neu an, um fortzufahren.

# Development: the inbox of `postern dev`
inbox = Posteingang
inbox-text = E-Mails und Codes dieses Rechners, nur im Arbeitsspeicher. Die Seite erneuert sich von selbst.
inbox-newest-first = Neueste zuerst
inbox-empty = Noch nichts da. Fordern Sie einen Code an und sehen Sie wieder nach.
dev-start = Start
dev-start-title = Postern läuft auf diesem Rechner
dev-start-text = Für die Entwicklung: Nur dieser Rechner kann es erreichen. E-Mails bleiben im Arbeitsspeicher, und alle an diesem Rechner können sie lesen.
dev-start-docs = API
dev-start-people = Personen für die Anmeldung
dev-start-people-text = Sie haben noch kein Passwort. Sie melden sich mit einem Code aus einer E-Mail an.
dev-start-code = Geben Sie eine dieser E-Mail-Adressen ein. Der Code erscheint im Posteingang.
dev-start-tasks = Probieren Sie eine App aus, die Postern nutzt: die Aufgaben-App, wenn sie läuft.
dev-start-clients = Apps, die eine Anmeldung anfordern dürfen
dev-start-issuer = Issuer:
dev-start-secret = Secret:
dev-start-snippet = Konfiguration
dev-start-add = Eigene App hinzufügen
dev-start-add-text = Wählen Sie Ihre Technik. Der Befehl fügt die App hinzu und zeigt ihr Secret und ihre Konfiguration. --base-url sagt, wo die App läuft.
dev-start-command = Befehl
mail-samples = E-Mails
mail-samples-text = Jede E-Mail in jeder Sprache, mit erfundenen Werten.
mail-samples-plain = Text

# Konten: Registrierung, und ein neues Passwort
password = Passwort
new-password = Neues Passwort
password-hint = Mindestens { $least } Zeichen. Mehrere Wörter, die nichts miteinander zu tun haben, sind leicht zu merken und schwer zu erraten.
password-too-short = Verwenden Sie mindestens { $least } Zeichen.
password-too-long = Verwenden Sie höchstens { $most } Zeichen.
password-control = Lassen Sie Steuerzeichen weg.
password-context = Bilden Sie es nicht aus Ihrer Adresse, Ihrem Namen oder dem Namen dieses Dienstes.
password-guessable = Dieses ist leicht zu erraten. Verwenden Sie ein längeres, etwa mehrere Wörter, die nichts miteinander zu tun haben.
password-breached = Dieses ist aus einem Datenleck bekannt und wird als eines der ersten ausprobiert. Verwenden Sie ein anderes, hier und überall sonst, wo Sie es benutzen.
strength-0 = Sehr schwach.
strength-1 = Schwach.
strength-2 = Mäßig.
strength-3 = Gut.
strength-4 = Sehr gut.
name-optional = Name (freiwillig)
name-malformed = Geben Sie höchstens 100 Zeichen ein, ohne unsichtbare Zeichen und ohne solche, die die Schreibrichtung umkehren.
register = Konto anlegen
register-under = Ihre Adresse bestätigen Sie per E-Mail.
registered-text = Wenn diese Adresse noch kein Konto hat, haben wir ihr einen Link geschickt, der die Registrierung abschließt. Sonst haben wir ihr das mitgeteilt.
have-an-account = Ich habe ein Konto
make-an-account = Konto anlegen
verify-email = Adresse bestätigen
verify-email-text = Ein Schritt fehlt noch: Geben Sie das gewählte Passwort ein, um zu bestätigen, dass diese Adresse Ihre ist. Wenn Sie sich nicht registriert haben, schließen Sie diese Seite.
verify-password-wrong = Das ist nicht das Passwort, mit dem diese Registrierung begann. Wenn Sie sich nicht registriert haben, schließen Sie diese Seite.
confirm-address = Bestätigen
email-verified = Ihr Konto ist fertig
email-verified-text = Ihre Adresse ist bestätigt. Sie können sich jetzt anmelden.
forgot-password = Passwort vergessen?
forgot-password-under = Wir schicken Ihnen einen Link, um ein neues zu setzen.
send-link = Link schicken
reset-sent-text = Wenn ein Konto diese Adresse verwendet, haben wir ihr einen Link geschickt, um ein neues Passwort zu setzen.
reset-password = Neues Passwort setzen
reset-password-under = Sie werden überall abgemeldet.
set-password = Passwort setzen
password-changed = Ihr Passwort ist gesetzt
password-changed-text = Sie wurden überall abgemeldet. Melden Sie sich mit dem neuen Passwort an.
letter-sent = Prüfen Sie Ihre E-Mail
back-to-sign-in = Zurück zur Anmeldung
continue-to = Weiter zu { $name }
back-to-app-title = Zurück zur App
back-to-app-text = Drücken Sie auf Weiter, um zur App zurückzukehren.
back-to-the-app = Sie haben in einem anderen Browser oder vor längerer Zeit begonnen: Gehen Sie zurück zu der App, von der Sie kommen, und melden Sie sich dort an.
nothing-came = Ist nichts angekommen? Sehen Sie im Spam-Ordner nach, oder lassen Sie die E-Mail noch einmal senden:
send-again = Noch einmal senden
registration-resent = Wenn eine Registrierung mit dieser Adresse auf Bestätigung wartet, ist ihre E-Mail noch einmal unterwegs.
invitation-under = Sie wurden eingeladen. Wählen Sie ein Passwort, dann ist Ihr Konto fertig.
invited-text = Sie können sich jetzt anmelden.
change = Ändern
save = Speichern
new-email = Neue E-Mail-Adresse
change-email-text = Wir schicken einen Link an die neue Adresse. Bis Sie ihm folgen, behalten Sie die bisherige.
email-change-sent = Wir haben einen Link an die neue Adresse geschickt. Folgen Sie ihm, um sie zu übernehmen.
email-same = Das ist schon Ihre Adresse.
confirm-email = Neue Adresse bestätigen
confirm-email-text = Das Konto <strong>{ $account }</strong> verwendet ab jetzt die E-Mail-Adresse <strong>{ $email }</strong>: Damit melden Sie sich an, und dorthin gehen unsere Nachrichten.
confirm-email-button = Diese E-Mail-Adresse verwenden
confirm-email-sign-in-text = Das Konto <strong>{ $account }</strong> soll die E-Mail-Adresse <strong>{ $email }</strong> bekommen. Um das zu bestätigen, melden Sie sich hier bei diesem Konto an, oder öffnen Sie den Link in dem Browser, in dem Sie dort angemeldet sind.
confirm-email-not-yours = Wenn das nicht Ihr Konto ist, schließen Sie diese Seite. Es ändert sich nichts.
confirm-email-elsewhere = Dieser Link gehört zu einem anderen Konto
confirm-email-elsewhere-text = Er würde dem Konto <strong>{ $account }</strong> die E-Mail-Adresse <strong>{ $email }</strong> geben, aber Sie sind als <strong>{ $signed_in }</strong> angemeldet. Wenn beide Konten Ihnen gehören, melden Sie sich ab, öffnen Sie den Link noch einmal und melden Sie sich bei jenem Konto an.
email-changed = Ihre Adresse ist geändert
email-changed-text = Ihr Konto verwendet jetzt <strong>{ $email }</strong>.
undo-email-change = Änderung der E-Mail-Adresse rückgängig machen
undo-email-change-text = Ihr Konto bekommt die E-Mail-Adresse <strong>{ $email }</strong> zurück, und wer sie geändert hat, verliert den Zugriff:
undo-email-change-ends = Sie werden auf allen Geräten abgemeldet, und Apps verlieren ihren Zugriff.
undo-email-change-password = Das Passwort gilt nicht mehr. Einen Link für ein neues schicken wir an <strong>{ $email }</strong>.
undo-email-change-devices = Passkeys, Authenticator-Apps und Wiederherstellungscodes werden entfernt, wenn sie in der Woche vor der Änderung oder danach eingerichtet wurden.
undo-email-change-not = Wenn Sie die Adresse selbst geändert haben, schließen Sie diese Seite. Es ändert sich nichts.
undo-email-change-button = Änderung rückgängig machen
email-undone = Die Änderung ist rückgängig gemacht
email-undone-text = Ihr Konto hat wieder die E-Mail-Adresse <strong>{ $email }</strong>. Dorthin haben wir geschrieben, wie es weitergeht.
email-in-use = Ein anderes Konto verwendet diese E-Mail-Adresse
email-in-use-text = Es wurde nichts geändert: Ihre frühere E-Mail-Adresse gehört inzwischen zu einem anderen Konto, deshalb kann Ihres sie nicht zurückbekommen. Melden Sie sich bei jenem Konto an, geben Sie ihm eine andere Adresse und öffnen Sie den Link noch einmal.
profile = Profil
profile-text = Was Apps über Sie erfahren können, wenn Sie es erlauben. Alles ist freiwillig.
profile-changed = Gespeichert.
profile-names = Ihr Name
profile-pages = Im Web
claim-name = Vollständiger Name
claim-given-name = Vorname
claim-middle-name = Zweiter Vorname
claim-family-name = Nachname
claim-nickname = Rufname
claim-preferred-username = Benutzername
claim-preferred-username-hint = Wie Sie in Apps heißen möchten. Zum Anmelden dient er nicht.
claim-birthdate = Geburtsdatum
claim-birthdate-hint = Zum Beispiel 1990-04-01, oder 0000-04-01 ohne das Jahr.
claim-gender = Geschlecht
claim-phone-number = Telefonnummer
claim-phone-number-hint = Mit Ländervorwahl, zum Beispiel +49 30 123456.
claim-locale = Sprache
claim-locale-hint = Zum Beispiel en oder de-AT.
claim-zoneinfo = Zeitzone
claim-zoneinfo-hint = Zum Beispiel Europe/Berlin.
claim-address = Postanschrift
claim-street-address = Straße und Hausnummer
claim-postal-code = Postleitzahl
claim-locality = Ort
claim-region = Bundesland oder Region
claim-country = Land
claim-formatted = Die ganze Anschrift
claim-formatted-hint = So, wie sie auf einem Umschlag steht.
claim-website = Website
claim-website-hint = Beginnt mit https://, wie auch die beiden folgenden.
claim-profile = Profilseite
claim-picture = Bild
web-page-malformed = Geben Sie eine Web-Adresse ein, die mit https:// beginnt, ohne Benutzernamen oder Passwort darin.
birthdate-malformed = Geben Sie ein Datum wie 1990-04-01 ein.
zoneinfo-malformed = Geben Sie den Namen einer Zeitzone wie Europe/Berlin ein.
locale-malformed = Geben Sie eine Sprache wie en oder de-AT ein.
phone-number-malformed = Geben Sie eine Nummer mit + und Ländervorwahl ein, zum Beispiel +49 30 123456.
password-on-text = Es ist gesetzt. Sie können sich damit anmelden.
password-off-text = Es ist nicht gesetzt. Mit einem Passwort melden Sie sich ohne E-Mail an.
password-set = Ihr Passwort ist gesetzt.
recovery-codes = Wiederherstellungscodes
recovery-codes-text = Jeder ersetzt einmal ein Gerät, das verloren ist. Bewahren Sie sie getrennt davon auf.
recovery-codes-left = { $count ->
    [0] Sie haben keine Codes.
    [one] 1 Code ist übrig.
   *[other] { $count } Codes sind übrig.
}
recovery-codes-renew = Neue Codes anlegen
recovery-codes-made = Das sind Ihre Codes. Sie werden nur dieses Mal gezeigt und beenden die vorigen.
download = Herunterladen
change-password-text = Wählen Sie eines, das Sie nirgends sonst verwenden.
sign-out-elsewhere = Überall sonst abmelden
sessions = Geräte
sessions-text = Wo Ihr Konto angemeldet ist.
session-here = Hier
sessions-elsewhere = Anderswo
no-sessions-elsewhere = Sie sind nirgendwo sonst angemeldet.
session-of-app = Eine Anwendung
session-of-browser = Ein Browser
session-from = von { $ip }
session-times = seit { $since }, zuletzt gesehen { $seen }
session-ended = Beendet.
end = Beenden
end-others = Alle anderen beenden
applications = Anwendungen
applications-text = Was Sie eingelassen haben, und was es darf.
open-application = Öffnen
applications-let-in = Eingelassen
application-removed = Entfernt. Sie muss neu fragen.
no-applications = Sie haben nichts eingelassen.
remove = Entfernen

# Konten: was geschah, was gespeichert ist, und das Ende
view = Ansehen
activity = Aktivität
activity-text = Was mit Ihrem Konto geschah, und von wo.
activity-newest-first = Neueste zuerst
activity-none = Es ist nichts verzeichnet.
activity-older = Ältere
activity-not-you = Wenn Sie etwas davon nicht waren, setzen Sie ein neues Passwort, beenden Sie unter „Geräte“ alle anderen Anmeldungen und sagen Sie es Ihrer Administration.
activity-by-operator = durch Ihre Administration
activity-other = Etwas anderes: { $kind }
activity-method-password = ein Passwort
activity-method-totp = eine Authenticator-App
activity-method-passkey = ein Passkey
activity-method-recovery-code = Wiederherstellungscodes
activity-method-email-otp = ein Code per E-Mail
activity-method-code = ein gesendeter oder übergebener Code
activity-method-all = alles außer Ihrem Postfach
activity-method-other = ein anderer Weg
activity-login-begun = Eine Anmeldung wurde begonnen: { $method }
activity-login-failed = Eine Anmeldung ist gescheitert: { $method }
activity-login-proof-accepted = Ein Schritt einer Anmeldung ist gelungen
activity-login-operator-code-created = Für Sie wurde ein Anmeldecode angelegt
activity-session-started = Angemeldet
activity-session-renewed = Erneut angemeldet
activity-session-ended = Abgemeldet
activity-authorization-granted = Eine Anwendung wurde eingelassen
activity-consent-allowed = Einer Anwendung wurde erlaubt, worum sie bat
activity-consent-denied = Einer Anwendung wurde verweigert, worum sie bat
activity-email-verified = Die Adresse Ihres Kontos wurde bestätigt
activity-email-changed = Die Adresse Ihres Kontos wurde geändert
activity-email-change-asked = Für Ihr Konto wurde eine andere Adresse angegeben
activity-email-change-undone = Die Änderung der E-Mail-Adresse wurde rückgängig gemacht
activity-profile-changed = Ihr Profil wurde geändert
activity-grant-created = Eine Anwendung erhielt Zugang
activity-grant-revoked = Eine Anwendung verlor ihren Zugang
activity-application-removed = Eine Anwendung wurde entfernt
activity-credential-enrolled = Ein Weg zur Anmeldung wurde eingerichtet: { $method }
activity-credential-enrolment-begun = Die Einrichtung eines Wegs zur Anmeldung wurde begonnen: { $method }
activity-credential-enrolment-failed = Beim Einrichten eines Wegs zur Anmeldung wurde ein falscher Code eingegeben: { $method }
activity-credential-changed = Ein Weg zur Anmeldung wurde geändert: { $method }
activity-credential-removed = Ein Weg zur Anmeldung wurde entfernt: { $method }
activity-credential-renamed = Ein Weg zur Anmeldung wurde umbenannt: { $method }
activity-credential-count-went-back = Der Zähler eines Passkeys ging zurück: Vielleicht wurde er kopiert
activity-password-reset-asked = Ein Link für ein neues Passwort wurde angefordert
activity-user-added = Das Konto wurde angelegt
activity-user-registered = Das Konto wurde angelegt
activity-user-disabled = Das Konto wurde gesperrt
activity-user-enabled = Das Konto wurde wieder geöffnet
activity-user-unlocked = Gescheiterte Anmeldungen wurden vergessen
activity-account-exported = Ihre Daten wurden heruntergeladen
activity-account-closed = Das Konto wurde geschlossen
activity-account-restored = Das Konto wurde doch behalten
own-data = Ihre Daten
own-data-text = Nehmen Sie sie mit, oder löschen Sie Ihr Konto.
export = Alles herunterladen
export-text = Eine Datei (JSON) mit dem, was wir über Sie speichern: Profil, wie Sie sich anmelden (ohne Geheimnisse), Geräte, Anwendungen und bis zu { $most } Einträge Ihrer Aktivität.
delete-account = Konto löschen
delete-account-under = Eine Zeit lang können Sie das rückgängig machen, indem Sie sich anmelden.
delete-account-at-once = Das Konto wird sofort geschlossen: Sie werden überall abgemeldet, und Anwendungen verlieren ihren Zugang.
delete-account-later = Alles wird nach { $date } gelöscht. Bis dahin können Sie sich anmelden und das Konto behalten; danach kann es niemand zurückholen.
account-closed = Ihr Konto ist geschlossen
account-closed-text = Sie wurden überall abgemeldet. Alles wird nach { $date } gelöscht. Um das Konto zu behalten, melden Sie sich vorher an.
account-kept = Sie haben Ihr Konto behalten. Bei Anwendungen müssen Sie sich neu anmelden.
restore-text = Es wird nach { $date } gelöscht. Bis dahin können Sie es behalten.
keep-account = Konto behalten
leave-closed = Geschlossen lassen

# Mail
mail-greeting = Guten Tag,
mail-footer = Diese Nachricht wurde von { $issuer } gesendet. Antworten darauf liest niemand.
mail-code-subject = { $code } ist Ihr Code
mail-code-preview = Damit melden Sie sich an, ein einziges Mal.
mail-code-intro = hier ist der Code für Ihre Anmeldung:
mail-code-intro-client = hier ist der Code für Ihre Anmeldung bei { $client }:
mail-code-lifetime = Er gilt einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang und nur in dem Browser, in dem Sie ihn angefordert haben.
mail-code-not-you = Wenn Sie ihn nicht angefordert haben, hat jemand Ihre Adresse eingegeben; Sie können diese Nachricht ignorieren. Verraten Sie diesen Code niemandem.
mail-passkey-added-subject = Ihrem Konto wurde ein Passkey hinzugefügt
mail-passkey-added-text = Ihrem Konto wurde ein Passkey hinzugefügt. Von jetzt an wird nach ihm gefragt, wenn Sie sich auf andere Weise anmelden.
mail-passkey-removed-subject = Von Ihrem Konto wurde ein Passkey entfernt
mail-passkey-removed-text = Von Ihrem Konto wurde ein Passkey entfernt. Mit ihm kann sich niemand mehr anmelden.
mail-totp-on-subject = Für Ihr Konto wurde eine Authenticator-App eingerichtet
mail-totp-on-text = für Ihr Konto wurde eine Authenticator-App eingerichtet. Ab jetzt brauchen Sie die App, wo ein zweiter Schritt verlangt wird.
mail-totp-off-subject = Die Authenticator-App wurde aus Ihrem Konto entfernt
mail-totp-off-text = die Authenticator-App wurde aus Ihrem Konto entfernt. Ihr Postfach allein genügt nun, um sich anzumelden.
mail-recovery-codes-subject = Für Ihr Konto wurden neue Wiederherstellungscodes angelegt
mail-recovery-codes-text = Für Ihr Konto wurden neue Wiederherstellungscodes angelegt. Die vorigen gelten nicht mehr.
mail-recovery-code-used-subject = Ein Wiederherstellungscode Ihres Kontos wurde benutzt
mail-recovery-code-used-text = einer Ihrer Wiederherstellungscodes wurde zur Anmeldung benutzt. Er gilt nicht mehr.
mail-account-closed-subject = Ihr Konto ist geschlossen
mail-account-closed-text = Ihr Konto wurde geschlossen. Alles darin wird nach { $date } gelöscht.
mail-account-closed-undo = Bis dahin können Sie es behalten: Melden Sie sich hier an.
mail-account-closed-button = Konto behalten
mail-account-restored-subject = Ihr Konto bleibt bestehen
mail-account-restored-text = Ihr Konto war geschlossen und ist wieder offen. Es wird nicht gelöscht.
mail-verify-email-subject = Bestätigen Sie Ihre Adresse
mail-verify-email-text = jemand, vermutlich Sie, möchte ein Konto mit dieser Adresse anlegen. Folgen Sie dem Link, um sie zu bestätigen:
mail-verify-email-button = Adresse bestätigen
mail-verify-email-ignore = Der Link funktioniert einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang. Wenn Sie das nicht waren, übergehen Sie diese Nachricht: Es wurde nichts angelegt.
mail-already-registered-subject = Sie haben schon ein Konto
mail-already-registered-text = jemand, vermutlich Sie, wollte ein Konto mit dieser Adresse anlegen. Es gibt schon eines. Wenn Sie das Passwort vergessen haben, setzen Sie ein neues:
mail-already-registered-button = Neues Passwort setzen
mail-already-registered-ignore = Wenn Sie das nicht waren, übergehen Sie diese Nachricht: Es wurde nichts geändert.
mail-reset-password-subject = Setzen Sie ein neues Passwort
mail-reset-password-text = jemand, vermutlich Sie, möchte ein neues Passwort für Ihr Konto setzen. Folgen Sie dem Link:
mail-reset-password-button = Neues Passwort setzen
mail-reset-password-ignore = Der Link funktioniert einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang. Wenn Sie das nicht waren, übergehen Sie diese Nachricht: Es wurde nichts geändert.
mail-password-changed-subject = Das Passwort Ihres Kontos wurde geändert
mail-password-changed-text = Das Passwort Ihres Kontos wurde geändert.
mail-new-device-subject = Anmeldung von einem neuen Gerät
mail-new-device-text = jemand hat sich bei Ihrem Konto von einem bisher unbekannten Gerät oder Ort aus angemeldet:
mail-new-device-when = Wann
mail-new-device-what = Gerät
mail-new-device-where = Adresse
mail-new-device-look = Wenn Sie das nicht waren, beenden Sie diese Sitzung und ändern Sie Ihr Passwort:
mail-new-device-button = Ansehen, wo Sie angemeldet sind
mail-new-device-ignore = Wenn Sie das waren, brauchen Sie nichts zu tun.
mail-second-step-failed-subject = Ihr Passwort wurde benutzt, und der zweite Schritt schlug fehl
mail-second-step-failed-text = jemand hat das richtige Passwort Ihres Kontos eingegeben und ist dann mehrmals am zweiten Schritt gescheitert:
mail-second-step-failed-change = Wenn Sie das nicht waren, kennt jemand Ihr Passwort. Ändern Sie es:
mail-second-step-failed-button = Passwort ändern
mail-second-step-failed-ignore = Wenn Sie das waren, brauchen Sie nichts zu tun. Wir schreiben Ihnen das höchstens einmal am Tag.
mail-password-ended-subject = Das Passwort Ihres Kontos gilt nicht mehr
mail-password-ended-text = Sie haben sich mit einem Code angemeldet, der an diese Adresse ging. Damit ist sie als Ihre bestätigt. Das Passwort dieses Kontos wurde vorher gesetzt, vielleicht von jemand anderem. Darum wurde es entfernt, und alle anderen wurden abgemeldet.
mail-password-ended-next = Wenn Sie sich mit einem Passwort anmelden möchten, setzen Sie auf der Seite Ihres Kontos ein neues.
mail-not-you = Wenn Sie das nicht waren, hat jemand anderes Zugang zu Ihrem Konto: Sagen Sie es sofort Ihrer Administration.
mail-confirm-email-subject = Bestätigen Sie Ihre neue Adresse
mail-confirm-email-text = das Konto { $account } soll ab jetzt diese E-Mail-Adresse verwenden. Wenn das Ihr Konto ist, öffnen Sie den Link in dem Browser, in dem Sie dort angemeldet sind:
mail-confirm-email-button = Adresse bestätigen
mail-confirm-email-ignore = Der Link funktioniert einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang. Wenn Sie das nicht waren, übergehen Sie diese Nachricht: Es wurde nichts geändert.
mail-address-taken-subject = Mit dieser Adresse gibt es schon ein Konto
mail-address-taken-text = das Konto { $account } wollte diese E-Mail-Adresse verwenden. Ein anderes Konto verwendet sie schon, deshalb wurde nichts geändert. Hier melden Sie sich an:
mail-address-taken-button = Zu Ihrem Konto
mail-address-taken-ignore = Wenn Sie das nicht waren, übergehen Sie diese Nachricht.
mail-email-change-asked-subject = Für Ihr Konto wurde eine andere Adresse angegeben
mail-email-change-asked-text = für Ihr Konto wurde eine andere E-Mail-Adresse angegeben, und wir haben einen Link dorthin geschickt. Ihr Konto behält diese Adresse, bis jemand dem Link folgt.
mail-email-changed-subject = Die Adresse Ihres Kontos wurde geändert
mail-email-changed-text = die E-Mail-Adresse Ihres Kontos wurde geändert. Diese hier wird nicht mehr verwendet.
mail-email-changed-undo = Waren Sie das nicht? Dann hat jemand anderes Zugriff auf Ihr Konto. Bis { $date } können Sie die Änderung hier rückgängig machen:
mail-email-changed-button = Änderung rückgängig machen
mail-email-changed-ignore = Wenn Sie die Adresse selbst geändert haben, ist nichts zu tun. Geben Sie diese Nachricht nicht weiter: Ihr Link funktioniert ohne Passwort.
mail-email-restored-subject = Ihr Konto hat wieder diese E-Mail-Adresse
mail-email-restored-text = die Änderung der E-Mail-Adresse wurde rückgängig gemacht. Sie wurden auf allen Geräten abgemeldet, und das Passwort wurde entfernt. Hier geht es weiter zu Ihrem Konto:
mail-email-restored-button = Weiter
mail-email-restored-later = Wenn der Link nicht mehr funktioniert, wählen Sie bei der Anmeldung „Passwort vergessen?“. Sehen Sie danach Ihre Passkeys, Ihre Authenticator-App und Ihr Profil an: Wer die Adresse geändert hat, hat vielleicht auch dort etwas geändert.
mail-email-change-undone-subject = Ihre E-Mail-Adresse wurde von einem Konto entfernt
mail-email-change-undone-text = der Inhaber eines Kontos hat zurückgenommen, dass diese E-Mail-Adresse dort eingetragen wurde. Das Konto verwendet sie nicht mehr.
mail-email-change-undone-ask = Wenn das Konto Ihnen gehört, melden Sie sich mit der Adresse an, die es vorher hatte.
mail-invitation-subject = Sie sind eingeladen
mail-invitation-text = Sie sind eingeladen, ein Konto mit dieser Adresse anzulegen. Folgen Sie dem Link, und wählen Sie ein Passwort:
mail-invitation-button = Konto anlegen
mail-invitation-ignore = Der Link funktioniert einmal, { $days ->
    [one] einen Tag
   *[other] { $days } Tage
} lang. Wenn Sie kein Konto möchten, übergehen Sie diese Nachricht.
mail-invited-already-subject = Sie sind eingeladen und haben schon ein Konto
mail-invited-already-text = jemand hat Sie eingeladen, ein Konto mit dieser Adresse anzulegen. Es gibt schon eines. Hier melden Sie sich an:
mail-invited-already-button = Zu Ihrem Konto
mail-invited-already-ignore = Es wurde nichts geändert.
