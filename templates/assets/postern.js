// Comfort only: every page does its job without this file.

// "About 9 minutes" becomes a clock. Same element, same line: nothing moves. At the end the page says so itself.
for (const clock of document.querySelectorAll("[data-seconds-left]")) {
  const end = performance.now() + clock.dataset.secondsLeft * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    if (left > 0) setTimeout(tick, 1000);
    else expire(clock);
  };
  tick();
}

// Another code is not sent at once: the button says when.
for (const button of document.querySelectorAll("[data-wait]")) {
  const name = button.textContent;
  const end = performance.now() + button.dataset.wait * 1000;
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    button.textContent = left > 0 ? `${name} (0:${String(left).padStart(2, "0")})` : name;
    if (left > 0) setTimeout(tick, 1000);
  };
  button.addEventListener("click", (event) => button.hasAttribute("aria-disabled") && event.preventDefault());
  tick();
}

// A code that has ended is not asked for any more: its form gives way to what to do next.
function expire(clock) {
  const over = document.getElementById(clock.dataset.over);
  if (!over) return;
  clock.closest("form").hidden = true;
  for (const again of document.querySelectorAll("#login-resend")) again.hidden = true;
  over.hidden = false;
  over.querySelector("button")?.focus();
}

// A code is sent with its last digit, and once only. What is pasted may have spaces and dashes.
for (const field of document.querySelectorAll("[data-digits]")) {
  let sent = "";
  field.addEventListener("input", () => {
    const digits = field.value.replace(/\D/g, "").slice(0, field.dataset.digits);
    if (digits !== field.value) field.value = digits;
    if (digits.length != field.dataset.digits || digits === sent || !field.dataset.sends) return;
    sent = digits;
    field.form.requestSubmit();
  });
}

// What was wrong with a field does not stay beside what is typed next.
for (const field of document.querySelectorAll("[aria-invalid=true]")) {
  field.addEventListener("input", () => {
    field.removeAttribute("aria-invalid");
    document.getElementById(`${field.id}-error`).hidden = true;
  }, { once: true });
}

// Shows and hides a password.
for (const button of document.querySelectorAll("[data-shows]")) {
  const field = document.getElementById(button.dataset.shows);
  const picture = button.querySelector("use");
  button.disabled = false;
  button.addEventListener("click", () => {
    const shows = field.type === "password";
    field.type = shows ? "text" : "password";
    picture.setAttribute("href", picture.getAttribute("href").replace(/#.*/, shows ? "#hidden" : "#eye"));
    const label = button.dataset.other;
    button.dataset.other = button.getAttribute("aria-label");
    button.setAttribute("aria-label", label);
  });
  // A password that is shown is not kept by the browser as a text that was typed.
  field.form.addEventListener("submit", () => (field.type = "password"));
}

// One press is enough.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    // An answer that is still on its way would begin another sign-in than the form.
    waiting?.abort();
    event.submitter?.setAttribute("aria-busy", "true");
  });
}

// After a sign-out the way back to an app goes on when the other apps are told, or have had their time.
const onward = document.querySelector("a[data-goes-on]");
if (onward) {
  let gone = false;
  const go = () => {
    if (!gone) location.replace(onward.href);
    gone = true;
  };
  onward.addEventListener("click", () => (gone = true));
  if (document.readyState === "complete") go();
  else addEventListener("load", go);
  setTimeout(go, 5000);
}

// Back from the next page, the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    for (const button of form.elements) button.removeAttribute("aria-busy");
  }
});

// A key or a list of codes is long: offer to copy it, and to print the page.
for (const button of document.querySelectorAll("[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  if (!navigator.clipboard || !source) continue;
  const label = button.querySelector("span");
  const lines = source.matches("ul, ol") ? [...source.children] : [source];
  button.disabled = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(lines.map((line) => line.textContent.replace(/\s/g, "")).join("\n"));
    label.textContent = button.dataset.done;
  });
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.disabled = false;
  button.addEventListener("click", () => print());
}

// Times as people say them, where they are; the exact one is a touch away.
const language = document.documentElement.lang;
const midnight = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());
for (const shown of document.querySelectorAll("time[datetime]")) {
  const time = new Date(shown.dateTime);
  if (isNaN(time)) continue;
  const days = Math.round((midnight(new Date()) - midnight(time)) / 864e5);
  const exact = shown.dateTime.includes("T");
  const hour = exact ? ", " + time.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" }) : "";
  const day = time.toLocaleDateString(language, { day: "numeric", month: "long", year: days < 300 ? undefined : "numeric" });
  const near = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  shown.title = time.toLocaleString(language, { dateStyle: "full", timeStyle: exact ? "long" : undefined });
  shown.textContent = `${days >= 0 && days < 2 ? near.format(-days, "day") : day}${hour}`;
}

// Passkeys: a button asks the provider for a challenge, the browser for an answer, and sends that with its form.
async function challenge(form, address, signal) {
  const body = new URLSearchParams(new FormData(form));
  if (document.getElementById("remember")?.checked) body.set("remember", "yes");
  const answer = await fetch(address, { method: "POST", body, signal });
  // A newer sign-in is needed first.
  if (answer.redirected) return location.assign(answer.url);
  if (!answer.ok) throw new Error("no challenge");
  const { publicKey, request } = await answer.json();
  // The request waits at the provider now: every form of the page goes on with it.
  if (request) for (const field of document.querySelectorAll("input[name=request]")) field.value = request;
  return publicKey;
}

// The one wait that is under way: a browser has one at a time.
let waiting;

async function usePasskey(form, mediation) {
  waiting?.abort();
  const { signal } = (waiting = new AbortController());
  const { creation, challenge: assertion } = form.dataset;
  const asked = await challenge(form, creation ?? assertion, signal);
  if (!asked || signal.aborted) return;
  const credential = creation
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked), signal })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked), signal, mediation });
  form.elements.answer.value = JSON.stringify(credential.toJSON());
  form.requestSubmit();
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  const form = document.getElementById(button.dataset.passkey);
  // Elsewhere the button leads to the page that asks for it.
  if (!form) continue;
  const problem = document.getElementById("passkey-error");
  if (!globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    if (button.disabled) problem.textContent = problem.dataset.missing;
    continue;
  }
  button.disabled = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    button.setAttribute("aria-busy", "true");
    try {
      await usePasskey(form);
    } catch {
      problem.textContent = problem.dataset.failed;
      button.removeAttribute("aria-busy");
    }
  });
  // The browser offers passkeys among the addresses it knows.
  if (form.dataset.fills) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((available) => {
      if (!available) return;
      const hint = document.getElementById("identifier-hint");
      if (hint) hint.textContent = hint.dataset.passkeys;
      const offer = () => usePasskey(form, "conditional").catch(() => {});
      document.getElementById("remember")?.addEventListener("change", offer);
      offer();
    });
  }
}

// The browser and password managers keep their passkeys true to those of the account.
const signal = (name, options) => globalThis.PublicKeyCredential?.[name]?.(options).catch(() => {});
for (const { dataset } of document.querySelectorAll("[data-accepted]")) {
  const { rpId, userId, accepted, name, displayName } = dataset;
  signal("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds: accepted.split(" ").filter(Boolean) });
  signal("signalCurrentUserDetails", { rpId, userId, name, displayName });
}
for (const { dataset } of document.querySelectorAll("[data-unknown-passkey]")) {
  signal("signalUnknownCredential", { rpId: dataset.rpId, credentialId: dataset.unknownPasskey });
}

// After a sign-in without a passkey one is offered where this device can keep one.
if (globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.().then((available) => {
    if (available) for (const field of document.querySelectorAll("[data-makes-passkeys]")) field.value = "yes";
  }, () => {});
}

// A new password is judged while it is typed. The same rules decide when the form is sent.
for (const shown of document.querySelectorAll("[data-strength-of]")) {
  const field = document.getElementById(shown.dataset.strengthOf);
  const [meter, text] = [shown.querySelector("svg"), shown.querySelector("p")];
  let asked = 0;
  let pause;
  const show = ({ score, word, hint }) => {
    meter.toggleAttribute("hidden", score === undefined);
    meter.setAttribute("class", "life " + (score > 2 ? "good" : score > 1 ? "warn" : "bad"));
    meter.lastElementChild.setAttribute("width", `${((score ?? -1) + 1) * 20}%`);
    text.textContent = [word, hint].filter(Boolean).join(" ");
  };
  const ask = async () => {
    const number = ++asked;
    if (!field.value) return show({});
    try {
      const body = new URLSearchParams(new FormData(field.form));
      const answer = await fetch("/password/strength", { method: "POST", body });
      const judged = answer.ok ? await answer.json() : {};
      if (number === asked) show(judged);
    } catch {
      if (number === asked) show({});
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, 300);
  });
}
