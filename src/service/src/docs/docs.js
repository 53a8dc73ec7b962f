// Comfort for the API reference, which can be read without this file: search, copying, signing in, sending requests.
"use strict";
const all = (css, within = document) => [...within.querySelectorAll(css)];
const at = (id) => document.getElementById(id);

for (const element of all("[data-script]")) element.hidden = false;
for (const element of all("[data-noscript]")) element.hidden = true;

// ---- Anchors: the operation that the address names is open.
function openTarget() {
  // The ids of operations need no escapes, so a fragment that is malformed names none.
  const operation = at(location.hash.slice(1))?.closest(".operation");
  if (!operation) return;
  operation.open = true;
  operation.scrollIntoView();
}
addEventListener("hashchange", openTarget);
for (const link of all("nav ul ul a")) link.addEventListener("click", () => setTimeout(openTarget));
for (const operation of all(".operation")) operation.addEventListener("toggle", () => {
  if (operation.open) history.replaceState(null, "", "#" + operation.querySelector(".inside").id);
});
openTarget();

// ---- Search: every word must occur in the operation.
const texts = new Map(all(".operation").map((operation) => [operation, operation.textContent.toLowerCase()]));
function search() {
  const words = at("q").value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const [operation, text] of texts) {
    operation.hidden = !words.every((word) => text.includes(word));
    if (!operation.hidden) count += 1;
  }
  for (const group of all("main > .group")) group.hidden = !group.querySelector(".operation:not([hidden])");
  for (const link of all("nav ul ul a")) link.parentElement.hidden = at(link.hash.slice(1)).closest(".operation").hidden;
  at("found").textContent = words.length ? (count === 1 ? "1 operation" : count + " operations") + " found" : "";
}
at("q").addEventListener("input", search);
at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const first = document.querySelector(".operation:not([hidden])");
  if (!first) return;
  first.open = true;
  first.firstElementChild.focus();
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, textarea")) return;
  event.preventDefault();
  at("q").focus();
});

// ---- Copying
for (const button of all("[data-copies]")) button.addEventListener("click", async () => {
  await navigator.clipboard.writeText(at(button.dataset.copies).textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

// ---- Signing in: authorization code with PKCE (RFC 7636), in a window of its own. The token stays in this page's memory.
let accessToken = "";
let demanded = {};
let pending;
const redirectUri = new URL("/docs/oauth2-redirect.html", location.href).href;
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const secret = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const authorize = at("sign-in-form");

async function beginSignIn() {
  if (!crypto.subtle) throw new Error("Browsers sign in over https, or at localhost, only.");
  const verifier = secret();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const scope = new FormData(authorize).getAll("scope").join(" ");
  if (!scope) throw new Error("Choose what the token may do.");
  pending = { verifier, state: secret() };
  const url = new URL(authorize.dataset.authorizationUrl);
  url.search = new URLSearchParams({
    client_id: authorize.dataset.clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope,
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
    ...demanded,
  });
  if (!open(url, "sign-in", "popup,width=520,height=760")) throw new Error("The browser did not open the window. Allow it and try again.");
}

async function redeem(code, verifier) {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    client_id: authorize.dataset.clientId,
  });
  const response = await fetch(authorize.dataset.tokenUrl, { method: "POST", body, credentials: "omit" });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error_description || answer.error);
  return answer;
}

function show(tokens) {
  accessToken = tokens.access_token;
  demanded = {};
  const end = new Date(Date.now() + tokens.expires_in * 1000).toLocaleTimeString([], { timeStyle: "short" });
  at("authorized-text").textContent = `This page has a token for ${tokens.scope}. It ends at ${end}.`;
  at("token-line").textContent = `TOKEN='${accessToken}'`;
  at("authorized").hidden = false;
  at("authorize-button").textContent = "Authorize again";
}

async function attempt(step) {
  at("authorize-error").textContent = "";
  try {
    await step();
  } catch (cause) {
    at("authorize-error").textContent = cause.message;
  }
}

if (authorize) {
  authorize.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(beginSignIn);
  });
  at("forget").addEventListener("click", () => {
    accessToken = "";
    at("token-line").textContent = "";
    at("authorized").hidden = true;
    at("authorize-button").textContent = "Authorize";
    at("authorize-button").focus();
  });
  // The window tells its answer here: `window.opener` is gone after a page that isolates itself
  // (Cross-Origin-Opener-Policy).
  new BroadcastChannel("oauth2-redirect").onmessage = ({ data }) => {
    const answer = new URLSearchParams(data);
    if (!pending || answer.get("state") !== pending.state) return;
    const { verifier } = pending;
    pending = undefined;
    attempt(async () => {
      if (!answer.get("code")) throw new Error(answer.get("error_description") || answer.get("error"));
      show(await redeem(answer.get("code"), verifier));
    });
  };
}

// ---- Sending requests
function read(form) {
  let address = form.dataset.url;
  const query = new URLSearchParams();
  for (const { name, value, dataset } of all("[data-in]", form)) {
    if (dataset.in === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    else if (value) query.append(name, value);
  }
  const headers = new Headers({ Accept: "application/json" });
  const [id, password] = ["id", "secret"].map((part) => form.querySelector(`[data-client=${part}]`)?.value ?? "");
  // RFC 6749 section 2.3.1: both are encoded as in a form.
  if (id) headers.set("Authorization", "Basic " + btoa([id, password].map(encodeURIComponent).join(":")));
  if ("accessToken" in form.dataset && accessToken) headers.set("Authorization", "Bearer " + accessToken);
  const body = form.querySelector("[data-body]")?.value;
  if (body !== undefined) headers.set("Content-Type", form.dataset.mediaType);
  // Without cookies: the request shows what the token allows, not what the browser's session does.
  const options = { method: form.dataset.method, headers, body, credentials: "omit", redirect: "manual", cache: "no-store" };
  return [query.size ? `${address}?${query}` : address, options];
}

/** What a sign-in must be like, if the answer asks for a newer or stronger one (RFC 9470). */
function demandsOf(challenge) {
  const found = ["acr_values", "max_age"].map((name) => [name, challenge.match(new RegExp(`${name}="?([^",]+)`))?.[1]]);
  return Object.fromEntries(found.filter(([, value]) => value));
}

function advise(form, response) {
  if (response.status !== 401) return "";
  if (!("accessToken" in form.dataset)) return "";
  const demands = demandsOf(response.headers.get("WWW-Authenticate") ?? "");
  if (Object.keys(demands).length) {
    demanded = demands;
    return " · Authorize again: a newer or stronger sign-in is needed.";
  }
  return accessToken ? "" : " · Authorize first, above.";
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const form of all(".try")) form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const status = form.querySelector("[role=status]"), answer = form.querySelector("pre");
  status.textContent = "Sending …";
  const began = performance.now();
  try {
    const response = await fetch(...read(form));
    const text = await response.text();
    status.textContent = `${response.status} ${response.statusText} · ${Math.round(performance.now() - began)} ms${advise(form, response)}`;
    answer.firstElementChild.textContent = pretty(text) || "Without a body.";
  } catch {
    status.textContent = "No answer.";
    answer.firstElementChild.textContent = `The browser could not reach ${form.dataset.url}. Open this page at ${new URL(form.dataset.url).origin}/docs.`;
  }
  answer.hidden = false;
});
