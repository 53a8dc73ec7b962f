# What people read, in German. To add a language, copy this file to `<language>.ftl` and translate it; what is left out is
# read in English. On pages a message is HTML (`&amp;` for &), and its { $arguments } are escaped.

# What the language calls itself
language-name = Deutsch
# "ltr" or "rtl"
direction = ltr

# Shared
privacy = Datenschutz
terms = Nutzungsbedingungen
help = Hilfe
privacy-of = Datenschutz bei { $name }
terms-of = Nutzungsbedingungen von { $name }
skip = Zum Inhalt springen
email = E-Mail-Adresse
code = Code
code-of = { $digits }-stelliger Code
name = Name
continue = Weiter
back = Zurück
cancel = Abbrechen
not-now = Jetzt nicht
sign-in = Anmelden
sign-in-to = Bei { $name } anmelden
for-your-account = für Ihr Konto
to-go-on-to = weiter zu <strong>{ $name }</strong>
you-are = Sie sind <strong>{ $email }</strong>
sign-out = Abmelden
reference = Referenz
get-help = Hilfe holen
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
method-email-otp-intro = Wenn es ein Konto mit <strong>{ $identifier }</strong> gibt, haben wir einen Code dorthin gesendet.
method-code = Code per SMS oder Chat
method-code-hint = Wir senden Ihnen einen Code per SMS oder Chat.
method-code-title = Geben Sie Ihren Code ein
method-code-intro = Wenn es ein Konto mit <strong>{ $identifier }</strong> gibt, haben wir der Person, der es gehört, einen Code per SMS oder Chat gesendet.
method-code-operator = Ich habe einen Code erhalten
method-code-operator-hint = Sie brauchen den Code, den Sie erhalten haben.
method-code-operator-title = Geben Sie Ihren Code ein
method-code-operator-intro = Geben Sie den 8-stelligen Code ein, den Sie für <strong>{ $identifier }</strong> erhalten haben.
method-passkey = Passkey verwenden
method-passkey-hint = Sie brauchen ein Gerät mit Ihrem Passkey.
method-passkey-title = Verwenden Sie Ihren Passkey
method-passkey-intro = Ihr Gerät fragt nach Ihrem Finger, Ihrem Gesicht oder seiner PIN. Davon verlässt nichts das Gerät.
method-totp = Authenticator-App verwenden
method-totp-hint = Sie brauchen Ihre Authenticator-App.
method-totp-title = Bestätigen Sie, dass Sie es sind
method-totp-intro = Geben Sie den Code ein, den Ihre Authenticator-App für <strong>{ $identifier }</strong> anzeigt.
method-recovery-code = Wiederherstellungscode verwenden
method-recovery-code-hint = Sie brauchen einen Ihrer Wiederherstellungscodes.
method-recovery-code-title = Wiederherstellungscode eingeben
method-recovery-code-intro = Geben Sie einen der Wiederherstellungscodes ein, die Sie für <strong>{ $identifier }</strong> aufbewahrt haben.
recovery-code = Wiederherstellungscode
method-password = Mein Passwort verwenden
method-password-hint = Sie brauchen Ihr Passwort.
method-password-title = Passwort eingeben
method-password-intro = für <strong>{ $identifier }</strong>
method-other-title = Bestätigen Sie, dass Sie es sind
method-other-intro = Geben Sie Ihren Code für <strong>{ $identifier }</strong> ein.
method-other-hint = Wir fragen Sie gleich noch etwas.
remember-me = Auf diesem Gerät angemeldet bleiben
new-here = Neu hier?
passkeys-appear = Ihre Passkeys erscheinen auch hier.
use-another-way = Anderen Weg wählen
use-another-address = Andere E-Mail-Adresse verwenden
code-good-for = Er gilt einmal, nur in diesem Browser, noch
look-in-spam = Nichts da? Sehen Sie im Spam-Ordner nach.
code-over = Der Code ist abgelaufen. Sie sind noch nicht angemeldet.
send-new-code = Neuen Code senden
code-sent-again = Wenn es ein Konto mit dieser E-Mail-Adresse gibt, ist ein neuer Code unterwegs. Nur der neueste Code gilt.

# Another way, and another factor
another-way-title = Anderen Weg wählen
another-way-intro = Wählen Sie, wie Sie sich als <strong>{ $identifier }</strong> anmelden möchten.
another-factor-title = Bestätigen Sie, dass Sie es sind
another-factor-intro = Wählen Sie, wie Sie bestätigen möchten, dass Sie <strong>{ $identifier }</strong> sind.
lost-link = Ich kann das nicht
lost-title = Wenn Sie das nicht können
lost-intro = Sie können auch auf andere Weise bestätigen, dass Sie <strong>{ $identifier }</strong> sind. Wenn nichts hilft, wenden Sie sich an die Betreiber dieses Dienstes.
lost-nothing-left = Es gibt hier keinen anderen Weg. Die Betreiber dieses Dienstes können Ihnen wieder hineinhelfen.
lost-support = Hilfe holen
lost-ask = Bitten Sie die Betreiber dieses Dienstes um Hilfe. Sie können Sie wieder hineinlassen.
no-way-title = Sie brauchen einen zweiten Schritt
no-way-text = Die App verlangt einen zweiten Schritt, und Ihr Konto hat noch keinen.
no-way-set-up = Authenticator-App einrichten
no-way-try-again = Das ist eingerichtet
no-way-passkey-title = Sie brauchen einen Passkey
no-way-passkey-text = Die App verlangt einen Passkey, und Ihr Konto hat noch keinen.
no-way-passkey-set-up = Passkey einrichten
no-way-give-up = Zurück zu { $name }

# Wrong answers, beside the field
code-needed = Geben Sie den Code ein.
tries-left = { $count ->
    [0] Sie haben für jetzt keinen Versuch mehr.
    [one] Sie haben noch einen Versuch.
   *[other] Sie haben noch { $count } Versuche.
}
code-wrong = Das ist nicht der neueste Code, oder er gilt nicht mehr. Sehen Sie in unsere letzte Nachricht, oder senden Sie einen neuen Code.
passkey-needed = Verwenden Sie die Schaltfläche: Ihr Browser fragt nach Ihrem Passkey.
passkey-wrong = Dieser Passkey wurde nicht angenommen. Versuchen Sie es noch einmal oder auf andere Weise.
passkey-failed = Das hat nicht geklappt oder wurde abgebrochen. Versuchen Sie es noch einmal oder auf andere Weise.
passkey-needs-script = Passkeys brauchen JavaScript, das in diesem Browser ausgeschaltet ist. Alles andere geht auch ohne.
passkey-needs-browser = Dieser Browser kann keine Passkeys verwenden. Nehmen Sie einen anderen Weg oder einen anderen Browser.
passkey-use = Passkey verwenden
totp-wrong = Dieser Code stimmt nicht. Geben Sie den ein, den Ihre App jetzt anzeigt.
recovery-code-wrong = Dieser Code stimmt nicht oder wurde schon benutzt. Prüfen Sie ihn, oder nehmen Sie einen anderen.
password-needed = Geben Sie das Passwort ein.
password-wrong = Dieses Passwort stimmt nicht. Versuchen Sie es noch einmal, oder wählen Sie einen anderen Weg.
show-password = Passwort anzeigen
hide-password = Passwort verbergen

# Consent
allow-title = Zugriff für { $name } erlauben?
not-you = Nicht Sie?
consent-gets = Die App kann dann
consent-gets-not = Ihr Passwort bekommt sie nicht, und nicht die Namen anderer Apps, die Sie benutzen.
consent-connected = Sie bleibt verbunden, { $lifetime }.
allow = Erlauben
consent-lifetime = bis sie { $idle ->
    [one] einen Tag
   *[other] { $idle } Tage
} lang nicht benutzt wird, höchstens { $days ->
    [one] einen Tag
   *[other] { $days } Tage
}
consent-after = Weiter geht es bei { $place }. Beenden können Sie das jederzeit unter „Apps“ in Ihrem Konto.
at-resource = in { $name }
scope-openid = Wissen, dass Sie es sind
scope-openid-detail = ohne Ihren Namen und Ihre E-Mail-Adresse
scope-profile = Ihren Namen und Ihr Profil sehen
scope-profile-detail = Ihren Namen und was sonst in Ihrem Profil steht
scope-email = Ihre E-Mail-Adresse sehen
scope-address = Ihre Postanschrift sehen
scope-phone = Ihre Telefonnummer sehen
scope-offline_access = Auch in Ihrer Abwesenheit verbunden bleiben
scope-account = Ihr Konto verwalten
scope-account-detail = Ihr Profil, wie Sie sich anmelden und wo Sie angemeldet sind

# Sign out
sign-out-title = Abmelden?
sign-out-text = Sie werden in diesem Browser bei { $brand } abgemeldet. Apps, die das können, melden Sie ebenfalls ab.
sign-out-of-client = { $name } möchte Sie in diesem Browser bei { $brand } abmelden. Apps, die das können, melden Sie ebenfalls ab.
sign-out-stays-invalid-hint = Der Nachweis Ihrer Anmeldung (id_token_hint), der mit dieser Anfrage kam, ist ungültig. Nach dem Abmelden bleiben Sie hier.
sign-out-stays-missing-hint = Diese Anfrage weist nicht nach, von welcher App sie kommt: Ihr fehlt der id_token_hint. Nach dem Abmelden bleiben Sie hier.
sign-out-stays = Diese Anfrage nennt eine Rücksprungadresse, die für die App nicht eingetragen ist. Nach dem Abmelden bleiben Sie hier.
stay-signed-in = Angemeldet bleiben
signed-out = Sie sind abgemeldet
signed-out-text = Sie können diese Seite schließen. Apps, die verbunden bleiben dürfen, behalten ihren Zugriff.
signed-out-told = Melden Sie ebenfalls ab
signed-out-not-told = Bleiben vielleicht angemeldet: Melden Sie sich dort selbst ab
signed-out-returns = Sie gelangen gleich zur App zurück.
sign-in-again = Wieder anmelden

# Home and account
home-title = Ihr Konto bei { $name }
home-text = Sehen Sie Ihre Geräte, Apps und Anmeldewege.
account = Konto
overview = Übersicht
your-account = Ihr Konto
about-you = Über Sie
on = An
off = Aus
signing-in = Anmeldung
devices-and-apps = Geräte und Apps
you-and-your-data = Sie und Ihre Daten
set-up = Einrichten
authenticator = Authenticator-App
authenticator-text = Ein zweiter Schritt: Ihr Telefon zeigt alle 30 Sekunden einen neuen Code.
authenticator-on-text = An. Sie brauchen die App, wo ein zweiter Schritt verlangt wird.
authenticator-off-text = Ab dann genügt Ihr Postfach allein nicht mehr zum Anmelden. Sie brauchen eine Authenticator-App auf Ihrem Telefon, etwa Aegis, 2FAS oder Google Authenticator.
passkeys = Passkeys
passkeys-text = Melden Sie sich mit Finger, Gesicht oder PIN an. Ein Passkey lässt sich nicht an eine gefälschte Seite verraten.
passkeys-under = Finger, Gesicht oder PIN statt eines Codes
passkeys-yours = Ihre Passkeys
passkey-add = Passkey hinzufügen
passkey-offer = Nächstes Mal schneller anmelden
confirm-first = Bestätigen Sie, dass Sie es sind
passkey-add-text = Einen Passkey bewahrt dieses Gerät auf, Ihr Passwortmanager oder ein Sicherheitsschlüssel. Er bekommt einen Namen, den Sie ändern können.
passkey-name = Name
passkey-made = Eingerichtet { $day }
passkey-used = zuletzt verwendet { $day }
passkey-flagged = Dieser Passkey wurde vielleicht kopiert ({ $day }). Entfernen Sie ihn, wenn Sie den Grund nicht kennen.
passkey-remove = { $name } entfernen
passkey-change = { $name } ändern
passkey-added = Der Passkey ist eingerichtet.
passkey-renamed = Der Passkey hat seinen neuen Namen.
passkey-removed = Der Passkey ist entfernt.
passkey-took-too-long = Das hat zu lange gedauert. Versuchen Sie es noch einmal.
passkey-not-made = Der Passkey wurde nicht eingerichtet: Es hat nicht geklappt oder wurde abgebrochen. Versuchen Sie es noch einmal.
passkey-registered = Dieser Passkey ist schon eingerichtet.
passkey-too-many = Ein Konto hat höchstens 20 Passkeys. Entfernen Sie zuerst einen.
passkey-name-rule = Wählen Sie einen Namen aus 1 bis 64 Zeichen, ohne unsichtbare Zeichen und ohne solche, die die Schreibrichtung umkehren.
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
error-back-to-client = Zurück zu { $name }
error-try-again = Erneut versuchen
error-to-account = Zu Ihrem Konto
error-back-to-form = Zurück zum Formular
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
error-request-gone = Diese Anmeldung hat zu lange gedauert
error-request-gone-text = Oder sie ist schon abgeschlossen oder wurde in einem anderen Browser begonnen. Mit Ihrem Konto ist alles in Ordnung. Gehen Sie zurück zur App, und melden Sie sich neu an.
error-invalid-redirect-uri = Diese App ist nicht richtig eingerichtet
error-invalid-redirect-uri-text = Sie wollte, dass wir Sie an eine Adresse schicken, die nicht für sie eingetragen ist. Wir haben angehalten, um Ihr Konto zu schützen. Beheben können das nur die Betreiber der App.
error-unknown-client = Diese App kennen wir nicht
error-unknown-client-text = Sie ist hier nicht eingetragen. Wir haben angehalten, um Ihr Konto zu schützen. Beheben können das nur die Betreiber der App.
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
error-tries-used-up = Melden Sie sich noch einmal an
error-tries-used-up-text = Das war ein Versuch zu viel, oder der Code ist abgelaufen. Sie sind noch nicht angemeldet. Beginnen Sie neu, dann senden wir Ihnen einen neuen Code.
error-no-method = Hier kann man sich nicht anmelden
error-no-method-text = Keiner der Wege, die diese App zum Anmelden erlaubt, ist eingeschaltet. Sagen Sie es den Betreibern der App.
error-unavailable = Wir können gerade nicht antworten
error-unavailable-text = Das liegt an uns und sollte bald vorbei sein. Warten Sie einen Moment und versuchen Sie es dann noch einmal.
error-internal = Bei uns ist etwas schiefgegangen
error-internal-text = Das liegt an uns. Versuchen Sie es noch einmal; wenn es wieder geschieht, nennen Sie uns die Referenz unten.
error-registration-closed = Hier kann sich niemand registrieren
error-registration-closed-text = { $support ->
    [none] Nur der Betreiber kann Konten anlegen. Fragen Sie dort danach.
   *[other] Konten werden für Sie angelegt. Fragen Sie danach: { $support }
}
error-no-mail = Hier lässt sich kein neues Passwort setzen
error-no-mail-text = Dieser Dienst sendet keine E-Mails, also auch keinen Link. { $support ->
    [none] Fragen Sie den Betreiber.
   *[other] Hilfe bekommen Sie hier: { $support }
}
error-mails-exhausted = Zurzeit kann für neue Konten keine E-Mail gesendet werden
error-mails-exhausted-text = Bis dahin kann sich niemand registrieren. Wer ein Konto hat, kann sich anmelden wie immer.
error-invitation-needed = Sie brauchen eine Einladung
error-invitation-needed-text = Konten gibt es hier auf Einladung. Öffnen Sie den Link in Ihrer Einladung. { $support ->
    [none] Wenn Sie keine haben, fragen Sie den Betreiber.
   *[other] Wenn Sie keine haben, bitten Sie um eine: { $support }
}
error-link-over = Dieser Link funktioniert nicht mehr
error-link-over-text = Er wurde schon benutzt, oder es ist zu viel Zeit vergangen. Fordern Sie einen neuen an.
error-signed-out = Sie wurden abgemeldet
error-signed-out-text = Es wurde nichts geändert. Melden Sie sich neu an, um fortzufahren.

# Development: the inbox of `postern dev`
inbox = Posteingang
development = Entwicklung
documents = API-Referenz
inbox-text = E-Mails und Codes dieses Rechners, nur im Arbeitsspeicher. Die Seite erneuert sich von selbst.
inbox-empty = Noch nichts da. Fordern Sie einen Code an und sehen Sie wieder nach.
dev-start = Start
dev-start-title = { $brand } läuft auf diesem Rechner
dev-start-text = Für die Entwicklung: Nur dieser Rechner kann es erreichen. E-Mails bleiben im Arbeitsspeicher, und alle an diesem Rechner können sie lesen.
dev-start-people = Personen für die Anmeldung
dev-start-people-text = Sie haben noch kein Passwort. Sie melden sich mit einem Code aus einer E-Mail an.
dev-start-code = Geben Sie eine dieser E-Mail-Adressen ein. Der Code erscheint im Posteingang.
dev-start-tasks = Probieren Sie eine App aus, die { $brand } nutzt: die Aufgaben-App, wenn sie läuft.
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
password-hint = Mindestens { $least } Zeichen. Gut sind drei oder vier Wörter, die nichts miteinander zu tun haben.
password-too-short = Verwenden Sie mindestens { $least } Zeichen.
password-too-long = Verwenden Sie höchstens { $most } Zeichen.
password-control = Darin sind Zeichen, die sich nicht eintippen lassen. Tippen Sie es noch einmal.
password-context = Bilden Sie es nicht aus Ihrer Adresse, Ihrem Namen oder dem Namen dieses Dienstes.
password-guessable = Dieses ist leicht zu erraten. Verwenden Sie ein längeres, etwa drei oder vier Wörter, die nichts miteinander zu tun haben.
password-breached = Dieses ist aus einem Datenleck bekannt und wird als eines der ersten ausprobiert. Verwenden Sie ein anderes, hier und überall sonst, wo Sie es benutzen.
strength-0 = Sehr schwach.
strength-1 = Schwach.
strength-2 = Mäßig.
strength-3 = Gut.
strength-4 = Sehr gut.
name-optional = Name (freiwillig)
name-malformed = Geben Sie höchstens 100 Zeichen ein, ohne unsichtbare Zeichen und ohne solche, die die Schreibrichtung umkehren.
register = Konto anlegen
register-under = Zur Bestätigung der Adresse senden wir eine E-Mail.
registered-text = Wir haben eine E-Mail an diese Adresse gesendet. Öffnen Sie den Link darin, um fortzufahren.
have-an-account = Schon ein Konto?
make-an-account = Konto anlegen
verify-email = Adresse bestätigen
verify-email-text = Ein Schritt fehlt noch: Geben Sie das gewählte Passwort ein.
verify-email-not-you = Wenn Sie sich nicht registriert haben, schließen Sie diese Seite.
verify-password-wrong = Das ist nicht das Passwort, das Sie bei der Registrierung gewählt haben.
confirm-address = Bestätigen
email-verified = Ihr Konto ist fertig
email-verified-text = Ihre Adresse ist bestätigt. Sie können sich jetzt anmelden.
forgot-password = Passwort vergessen?
forgot-password-under = Wir senden Ihnen per E-Mail einen Link für ein neues.
send-link = Link senden
reset-sent-text = Wenn es ein Konto mit dieser E-Mail-Adresse gibt, haben wir einen Link für ein neues Passwort gesendet.
reset-password = Neues Passwort setzen
reset-password-under = Sie werden auf allen Geräten abgemeldet.
set-password = Passwort speichern
password-changed = Ihr Passwort ist gesetzt
password-changed-text = Sie wurden überall abgemeldet. Melden Sie sich mit dem neuen Passwort an.
letter-sent = Sehen Sie in Ihr Postfach
email-sent-to = Wir haben eine E-Mail an <strong>{ $email }</strong> gesendet. Öffnen Sie den Link darin, um fortzufahren.
back-to-sign-in = Zurück zur Anmeldung
continue-to = Weiter zu { $name }
back-to-app-title = Zurück zur App
back-to-app-text = Drücken Sie auf Weiter, um zur App zurückzukehren.
back-to-the-app = Sie haben in einem anderen Browser oder vor längerer Zeit begonnen: Gehen Sie zurück zu der App, von der Sie kommen, und melden Sie sich dort an.
nothing-came = Nichts da? Sehen Sie zuerst im Spam-Ordner nach.
send-again = Noch einmal senden
registration-resent = Wenn eine Registrierung mit dieser Adresse auf Bestätigung wartet, ist die E-Mail noch einmal unterwegs.
invitation-under = Sie wurden eingeladen. Wählen Sie ein Passwort, dann ist Ihr Konto fertig.
change = Ändern
save = Speichern
new-email = Neue E-Mail-Adresse
email-is = Derzeit: { $email }
change-email-text = Wir senden einen Link an die neue Adresse. Ihre Adresse ändert sich, sobald Sie ihn öffnen.
email-change-sent = Wir haben einen Link an die neue Adresse gesendet. Öffnen Sie ihn, um sie zu übernehmen.
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
profile-text = Was Apps sehen dürfen, wenn Sie es erlauben. Alles ist freiwillig.
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
password-on-text = Sie können sich damit anmelden.
password-off-text = Sie können sich auch ohne anmelden.
password-set = Ihr Passwort ist gesetzt.
recovery-codes = Wiederherstellungscodes
recovery-codes-text = Mit ihnen kommen Sie wieder hinein, wenn Ihr Telefon weg ist. Jeder gilt einmal.
recovery-codes-under = Für den Tag, an dem Ihr Telefon weg ist
recovery-codes-left = { $count ->
    [0] Sie haben keine Codes.
    [one] 1 Code ist übrig.
   *[other] { $count } Codes sind übrig.
}
recovery-codes-kept = Ich habe sie aufbewahrt
recovery-codes-renew = Neue Codes erzeugen
recovery-codes-keep = Bewahren Sie Ihre Codes auf
recovery-codes-missing = Nicht aufbewahrt
recovery-codes-not-kept-text = Sie haben nicht bestätigt, dass Sie Ihre Wiederherstellungscodes aufbewahrt haben. Ohne sie kann Sie ein verlorenes Telefon aussperren.
recovery-codes-made = Bewahren Sie diese Codes getrennt vom Telefon auf. Wir zeigen sie nur jetzt; frühere gelten nicht mehr.
download = Herunterladen
print = Drucken
change-password-text = Wählen Sie eines, das Sie nirgends sonst verwenden.
sign-out-elsewhere = Auf allen anderen Geräten abmelden
sessions = Geräte
sessions-text = Wo Sie angemeldet sind
session-here = Dieses Gerät
session-now = Jetzt aktiv
sessions-elsewhere = Andere
no-sessions-elsewhere = Sie sind nirgendwo sonst angemeldet.
session-of-app = Eine App
session-of-browser = Ein Browser
session-from = von { $ip }
session-times = zuletzt benutzt { $seen }, angemeldet { $since }
session-not-you = Sind Sie das bei einem davon nicht? Melden Sie es ab, und wählen Sie ein neues Passwort.
session-ended = Abgemeldet.
end-others = Alle anderen abmelden
applications = Apps
applications-title = Apps mit Zugriff
applications-text = Apps, die auf Ihr Konto zugreifen dürfen
applications-under = Was jede sehen und tun darf
open-application = Öffnen
application-removed = Zugriff entfernt. Die App muss Sie neu fragen.
no-applications = Keine App hat Zugriff.
remove-access = Zugriff entfernen
remove = Entfernen

# The account's home: how it is protected
security = Sicherheit Ihres Kontos
security-good = Ihr Konto ist gut geschützt
security-hint = Eines würde noch helfen
security-next-passkey = Fügen Sie einen Passkey hinzu: Damit melden Sie sich mit einem Druck an, und keine gefälschte Seite kann ihn bekommen.
security-next-passkey-button = Passkey hinzufügen
security-next-authenticator = Richten Sie eine Authenticator-App ein: Danach reicht Ihre E-Mail allein nicht mehr zum Anmelden.
security-next-authenticator-button = App einrichten
security-next-make-codes = Sie haben keine Wiederherstellungscodes zur Hand. Wenn Ihr Telefon weg ist, kommen Sie damit wieder hinein.
security-next-make-codes-button = Codes erstellen
security-next-renew-codes = Sie haben noch { $count ->
    [one] 1 Wiederherstellungscode
   *[other] { $count } Wiederherstellungscodes
}. Erstellen Sie neue, bevor Sie sie brauchen.
security-next-renew-codes-button = Neue Codes erstellen
security-passkeys = { $count ->
    [one] 1 Passkey
   *[other] { $count } Passkeys
}
security-codes = { $count ->
    [0] Keine Wiederherstellungscodes
    [one] Noch 1 Wiederherstellungscode
   *[other] Noch { $count } Wiederherstellungscodes
}
security-devices = { $count ->
    [one] Nur auf diesem Gerät angemeldet
   *[other] Auf { $count } Geräten angemeldet
}
security-elsewhere = Letzte Anmeldung anderswo: { $device }, { $at }

# The link of a notice that signs out everywhere
sign-out-everywhere = Überall abmelden
sign-out-everywhere-text = für das Konto von <strong>{ $email }</strong>
sign-out-everywhere-ends = Alle Geräte werden abgemeldet, und keine App hat mehr Zugriff.
sign-out-everywhere-keeps = Passwort, Passkeys und alles andere bleiben, wie sie sind. Sie werden dadurch nicht angemeldet.
sign-out-everywhere-not = Wenn Sie es waren, schließen Sie diese Seite. Es ändert sich nichts.
signed-out-everywhere = Überall abgemeldet
signed-out-everywhere-text = Kein Gerät und keine App hat mehr Zugriff auf das Konto. Melden Sie sich an, und sehen Sie nach, womit sich Ihr Konto öffnen lässt.
signed-out-everywhere-password = Kein Gerät und keine App hat mehr Zugriff auf das Konto. Wer das Passwort kennt, kann sich wieder anmelden: Legen Sie jetzt ein neues fest.

# Konten: was geschah, was gespeichert ist, und das Ende
activity = Aktivität
activity-text = Was mit Ihrem Konto geschah, das Neueste zuerst
activity-none = Noch ist nichts geschehen.
activity-older = Ältere
activity-not-you = Waren Sie etwas davon nicht? Wählen Sie ein neues Passwort, und melden Sie unter „Geräte“ alle anderen Geräte ab.
activity-by-operator = durch den Betreiber
activity-other = Etwas anderes: { $kind }
activity-method-password = Passwort
activity-method-totp = Authenticator-App
activity-method-passkey = Passkey
activity-method-recovery-code = Wiederherstellungscodes
activity-method-email-otp = Code per E-Mail
activity-method-code = gesendeter Code
activity-method-all = alles außer Ihrem Postfach
activity-method-other = ein anderer Weg
activity-login-begun = Anmeldung begonnen: { $method }
activity-login-failed = Anmeldung gescheitert: { $method }
activity-login-proof-accepted = Erster Schritt einer Anmeldung angenommen
activity-login-operator-code-created = Anmeldecode für Sie erzeugt
activity-session-started = Angemeldet
activity-session-renewed = Erneut angemeldet
activity-session-ended = Abgemeldet
activity-authorization-granted = App hat Sie angemeldet
activity-consent-allowed = App erlaubt
activity-consent-denied = App nicht erlaubt
activity-email-verified = E-Mail-Adresse bestätigt
activity-email-changed = E-Mail-Adresse geändert
activity-email-change-asked = Änderung der E-Mail-Adresse begonnen
activity-access-ended = Überall abgemeldet mit dem Link einer E-Mail
activity-email-change-undone = Änderung der E-Mail-Adresse rückgängig gemacht
activity-profile-changed = Profil geändert
activity-grant-created = App hat Zugriff bekommen
activity-grant-revoked = Zugriff einer App beendet
activity-application-removed = Zugriff entfernt
activity-credential-enrolled = Hinzugefügt: { $method }
activity-credential-enrolment-begun = Einrichtung begonnen: { $method }
activity-credential-enrolment-failed = Falscher Code beim Einrichten: { $method }
activity-credential-changed = Geändert: { $method }
activity-credential-removed = Entfernt: { $method }
activity-credential-renamed = Umbenannt: { $method }
activity-credential-count-went-back = Ein Passkey wurde vielleicht kopiert
activity-password-reset-asked = Link für ein neues Passwort gesendet
activity-user-added = Konto angelegt
activity-user-registered = Konto angelegt
activity-user-disabled = Konto gesperrt
activity-user-enabled = Konto entsperrt
activity-user-unlocked = Gescheiterte Anmeldungen vergessen
activity-account-exported = Ihre Daten heruntergeladen
activity-account-closed = Konto geschlossen
activity-account-restored = Konto behalten
own-data = Ihre Daten
own-data-text = Laden Sie herunter, was wir über Sie speichern, oder löschen Sie Ihr Konto
export = Ihre Daten herunterladen
export-text = Eine Datei (JSON) mit dem, was wir über Sie speichern: Ihr Profil, wie Sie sich anmelden (ohne Geheimnisse), Geräte, Apps und bis zu { $most } Einträge Ihrer Aktivität.
delete-account = Konto löschen
delete-account-title = Ihr Konto löschen?
delete-account-under = Eine Zeit lang können Sie das rückgängig machen, indem Sie sich anmelden.
delete-account-at-once = Ihr Konto wird sofort geschlossen: Sie werden auf allen Geräten abgemeldet, und Apps verlieren ihren Zugriff.
delete-account-later = Alles wird nach { $date } gelöscht. Bis dahin können Sie sich anmelden und das Konto behalten; danach kann es niemand zurückholen.
account-closed = Ihr Konto ist geschlossen
account-closed-text = Sie wurden überall abgemeldet. Alles wird nach { $date } gelöscht. Um das Konto zu behalten, melden Sie sich vorher an.
account-kept = Sie haben Ihr Konto behalten. In Apps müssen Sie sich neu anmelden.
restore-text = Es wird nach { $date } gelöscht. Bis dahin können Sie es behalten.
keep-account = Konto behalten
leave-closed = Geschlossen lassen

# Mail
mail-footer = Gesendet von { $name }, { $issuer }
mail-questions = Fragen?
mail-code-subject = { $code } ist Ihr Code
mail-code-title = Ihr Code
mail-code-title-client = Ihr Code für { $client }
mail-code-enter = Geben Sie ihn in dem Browser ein, in dem Sie ihn angefordert haben.
mail-code-lifetime = Er gilt einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang.
mail-code-not-you = Waren Sie das nicht? Dann hat jemand Ihre E-Mail-Adresse eingetippt. Sie können das ignorieren; ohne den Code kommt niemand hinein. Verraten Sie ihn niemandem: Wir fragen nicht danach.
mail-passkey-added-subject = Ihrem Konto wurde ein Passkey hinzugefügt
mail-passkey-added-text = Ab jetzt fragen wir nach ihm, wenn Sie sich auf andere Weise anmelden.
mail-passkey-removed-subject = Von Ihrem Konto wurde ein Passkey entfernt
mail-passkey-removed-text = Mit ihm kann sich niemand mehr anmelden.
mail-totp-on-subject = Für Ihr Konto wurde eine Authenticator-App eingerichtet
mail-totp-on-text = Ab jetzt brauchen Sie die App, wo ein zweiter Schritt verlangt wird.
mail-totp-off-subject = Die Authenticator-App wurde aus Ihrem Konto entfernt
mail-totp-off-text = Ihr Postfach allein genügt nun zum Anmelden.
mail-recovery-codes-subject = Neue Wiederherstellungscodes für Ihr Konto
mail-recovery-codes-text = Frühere gelten nicht mehr.
mail-recovery-code-used-subject = Ein Wiederherstellungscode Ihres Kontos wurde benutzt
mail-recovery-code-used-text = Damit hat sich jemand angemeldet; er gilt nicht mehr.
mail-account-closed-subject = Ihr Konto ist geschlossen
mail-account-closed-text = Alles darin wird nach { $date } gelöscht.
mail-account-closed-undo = Bis dahin können Sie es behalten: Melden Sie sich an.
mail-account-closed-button = Konto behalten
mail-account-restored-subject = Ihr Konto bleibt bestehen
mail-account-restored-text = Es ist wieder offen und wird nicht gelöscht.
mail-verify-email-subject = Bestätigen Sie Ihre E-Mail-Adresse
mail-verify-email-text = Jemand, vermutlich Sie, möchte ein Konto mit dieser Adresse anlegen. Öffnen Sie den Link, um sie zu bestätigen:
mail-verify-email-button = Adresse bestätigen
mail-verify-email-ignore = Der Link funktioniert einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang. Waren Sie das nicht? Ignorieren Sie diese Nachricht: Es wurde kein Konto angelegt.
mail-already-registered-subject = Sie haben schon ein Konto
mail-already-registered-text = Jemand, vermutlich Sie, wollte ein Konto mit dieser Adresse anlegen. Es gibt schon eines. Wenn Sie das Passwort vergessen haben, setzen Sie ein neues:
mail-already-registered-button = Neues Passwort setzen
mail-already-registered-ignore = Waren Sie das nicht? Ignorieren Sie diese Nachricht: Es wurde nichts geändert.
mail-reset-password-subject = Setzen Sie ein neues Passwort
mail-reset-password-text = Jemand, vermutlich Sie, möchte ein neues Passwort für Ihr Konto setzen. Öffnen Sie dazu den Link:
mail-reset-password-button = Neues Passwort setzen
mail-reset-password-ignore = Der Link funktioniert einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang. Waren Sie das nicht? Ignorieren Sie diese Nachricht: Es wurde nichts geändert.
mail-password-changed-subject = Ihr Passwort wurde geändert
mail-password-changed-text = Ab jetzt gilt das neue Passwort Ihres Kontos.
mail-new-device-subject = Neue Anmeldung bei Ihrem Konto
mail-new-device-text = Jemand hat sich von einem Gerät oder Ort aus angemeldet, den Ihr Konto nicht kennt.
mail-new-device-when = Wann
mail-new-device-what = Gerät
mail-new-device-where = IP-Adresse
mail-new-device-ignore = Wenn Sie es waren, ist nichts zu tun.
mail-second-step-failed-subject = Ihr Passwort wurde benutzt, und der zweite Schritt schlug fehl
mail-second-step-failed-text = Jemand hat das richtige Passwort Ihres Kontos eingegeben und ist dann mehrmals am zweiten Schritt gescheitert.
mail-second-step-failed-change = Waren Sie das nicht? Dann kennt jemand Ihr Passwort. Ändern Sie es:
mail-second-step-failed-button = Passwort ändern
mail-second-step-failed-sign-out = Um sicherzugehen, können Sie auch alle Geräte und Apps abmelden:
mail-second-step-failed-ignore = Wenn Sie es waren, ist nichts zu tun. Wir schreiben Ihnen das höchstens einmal am Tag.
mail-password-ended-subject = Das Passwort Ihres Kontos gilt nicht mehr
mail-password-ended-text = Sie haben sich mit einem Code angemeldet, der an diese Adresse ging. Damit ist sie als Ihre bestätigt. Das Passwort dieses Kontos wurde vorher gesetzt, vielleicht von jemand anderem. Darum wurde es entfernt, und alle anderen wurden abgemeldet.
mail-password-ended-next = Wenn Sie sich mit einem Passwort anmelden möchten, setzen Sie auf der Seite Ihres Kontos ein neues.
mail-sign-out-text = Waren Sie das nicht? Dann hat jemand anderes Zugriff auf Ihr Konto. Melden Sie hier alle Geräte und Apps ab, und wählen Sie dann ein neues Passwort:
mail-sign-out-button = Das war ich nicht: überall abmelden
mail-sign-out-note = Der Link funktioniert einmal, 7 Tage lang. Geben Sie diese Nachricht nicht weiter.
mail-not-you = Waren Sie das nicht? Dann hat jemand anderes Zugriff auf Ihr Konto. Melden Sie sich an, wählen Sie ein neues Passwort und melden Sie alle anderen Geräte ab.
mail-confirm-email-subject = Bestätigen Sie Ihre neue Adresse
mail-confirm-email-text = Das Konto { $account } soll ab jetzt diese E-Mail-Adresse verwenden. Wenn das Ihr Konto ist, öffnen Sie den Link in dem Browser, in dem Sie dort angemeldet sind:
mail-confirm-email-button = Adresse bestätigen
mail-confirm-email-ignore = Der Link funktioniert einmal, { $minutes ->
    [one] eine Minute
   *[other] { $minutes } Minuten
} lang. Waren Sie das nicht? Ignorieren Sie diese Nachricht: Es wurde nichts geändert.
mail-address-taken-subject = Mit dieser Adresse gibt es schon ein Konto
mail-address-taken-text = Das Konto { $account } wollte diese E-Mail-Adresse verwenden. Ein anderes Konto verwendet sie schon, deshalb wurde nichts geändert. Hier melden Sie sich an:
mail-address-taken-button = Zu Ihrem Konto
mail-address-taken-ignore = Waren Sie das nicht? Ignorieren Sie diese Nachricht.
mail-email-change-asked-subject = Für Ihr Konto wurde eine andere Adresse angegeben
mail-email-change-asked-text = Wir haben einen Link dorthin gesendet. Ihr Konto behält diese Adresse, bis jemand ihn öffnet.
mail-email-changed-subject = Die E-Mail-Adresse Ihres Kontos wurde geändert
mail-email-changed-text = Ihr Konto verwendet diese Adresse nicht mehr.
mail-email-changed-undo = Waren Sie das nicht? Dann hat jemand anderes Zugriff auf Ihr Konto. Bis { $date } können Sie die Änderung hier rückgängig machen:
mail-email-changed-button = Änderung rückgängig machen
mail-email-changed-ignore = Wenn Sie die Adresse selbst geändert haben, ist nichts zu tun. Geben Sie diese Nachricht nicht weiter: Ihr Link funktioniert ohne Passwort.
mail-email-restored-subject = Ihr Konto hat wieder diese E-Mail-Adresse
mail-email-restored-text = Die Änderung der E-Mail-Adresse wurde rückgängig gemacht. Sie wurden auf allen Geräten abgemeldet, und das Passwort wurde entfernt. Hier geht es weiter zu Ihrem Konto:
mail-email-restored-button = Weiter
mail-email-restored-later = Wenn der Link nicht mehr funktioniert, wählen Sie bei der Anmeldung „Passwort vergessen?“. Sehen Sie danach Ihre Passkeys, Ihre Authenticator-App und Ihr Profil an: Wer die Adresse geändert hat, hat vielleicht auch dort etwas geändert.
mail-email-change-undone-subject = Ihre E-Mail-Adresse wurde von einem Konto entfernt
mail-email-change-undone-text = Der Inhaber eines Kontos hat zurückgenommen, dass diese E-Mail-Adresse dort eingetragen wurde. Das Konto verwendet sie nicht mehr.
mail-email-change-undone-ask = Wenn das Konto Ihnen gehört, melden Sie sich mit der Adresse an, die es vorher hatte.
mail-invitation-subject = Sie sind eingeladen
mail-invitation-text = Legen Sie ein Konto mit dieser Adresse an: Öffnen Sie den Link, und wählen Sie ein Passwort.
mail-invitation-button = Konto anlegen
mail-invitation-ignore = Der Link funktioniert einmal, { $days ->
    [one] einen Tag
   *[other] { $days } Tage
} lang. Wenn Sie kein Konto möchten, übergehen Sie diese Nachricht.
mail-invited-already-subject = Sie sind eingeladen und haben schon ein Konto
mail-invited-already-text = Jemand hat Sie eingeladen, ein Konto mit dieser Adresse anzulegen. Es gibt schon eines. Hier melden Sie sich an:
mail-invited-already-button = Zu Ihrem Konto
mail-invited-already-ignore = Es wurde nichts geändert.
