// What people read: in English on the page itself, in German here. A text without a translation stays English.

const GERMAN = {
  "Tasks": "Aufgaben",
  "Sign in": "Anmelden",
  "Sign out": "Abmelden",
  "Loading…": "Wird geladen …",
  "Sign in to see what you have to do.": "Melden Sie sich an, um zu sehen, was zu tun ist.",
  "Your tasks": "Ihre Aufgaben",
  "New task": "Neue Aufgabe",
  "Add": "Hinzufügen",
  "Show more": "Mehr anzeigen",
  "Try again": "Erneut versuchen",
  "Delete: {title}": "Löschen: {title}",
  "{open} of {all} open": "{open} von {all} offen",
  "{open} of {all} or more open": "{open} von {all} oder mehr offen",
  "Nothing to do. Add the first task above.": "Nichts zu tun. Fügen Sie oben die erste Aufgabe hinzu.",
  "Your tasks could not be loaded.": "Ihre Aufgaben konnten nicht geladen werden.",
  "Your session has ended. Sign in again.": "Sie wurden abgemeldet. Melden Sie sich neu an.",
  "Something went wrong on this page. Load it again.": "Auf dieser Seite ist etwas schiefgegangen. Laden Sie sie neu.",
  "The tasks service does not answer just now. Try again in a moment.":
    "Der Aufgabendienst antwortet gerade nicht. Versuchen Sie es gleich noch einmal.",
  "The sign-in service does not answer just now. Try again in a moment.":
    "Der Anmeldedienst antwortet gerade nicht. Versuchen Sie es gleich noch einmal.",
  "The sign-in service names another issuer.": "Der Anmeldedienst nennt einen anderen Aussteller.",
  "The answer came from another sign-in service.": "Die Antwort kam von einem anderen Anmeldedienst.",
  "You did not allow this page to see your tasks.": "Sie haben nicht erlaubt, dass diese Seite Ihre Aufgaben sieht.",
  "Signing in did not work: {cause}": "Die Anmeldung hat nicht geklappt: {cause}",
  "Signing in did not work. Try again.": "Die Anmeldung hat nicht geklappt. Versuchen Sie es noch einmal.",
  "The service answered {status}.": "Der Dienst antwortete {status}.",
};

const german = /^de\b/.test(navigator.language);

/** A text in the person's language, with the values of its {names}. */
export function t(english, values = {}) {
  const text = (german && GERMAN[english]) || english;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Translates what the page itself says. */
export function translatePage() {
  if (german) document.documentElement.lang = "de";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.textContent);
  document.title = t(document.title);
}
