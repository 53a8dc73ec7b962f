// Signs the page in as a public client: authorization code with PKCE (RFC 7636), `iss` checked (RFC 9207).
//
// Tokens live in this module's memory only. `state` and the code verifier wait in sessionStorage while the
// browser is at the provider; they are taken out again before they are used.

import { t } from "./words.js";

const here = location.origin + "/";
const AWAY = "The sign-in service does not answer just now. Try again in a moment.";
const DOWN = "The tasks service does not answer just now. Try again in a moment.";
let config;
let metadata;
let tokens;

/** What went wrong, in words for the person. */
export class Trouble extends Error {
  constructor(english, values) {
    super(t(english, values));
  }
}

/** The session is over. */
export class SignedOut extends Error {}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Fetches; no answer, and an answer that is the server's own trouble, is told as `away`. */
async function ask(url, away, options) {
  const answer = await fetch(url, options).catch(() => undefined);
  if (!answer || answer.status >= 500) throw new Trouble(away);
  return answer;
}

async function json(url, away) {
  const answer = await ask(url, away);
  if (!answer.ok) throw new Trouble(away);
  return answer.json();
}

async function provider() {
  metadata ??= await json(config.issuer + "/.well-known/openid-configuration", AWAY);
  // OpenID Connect Discovery section 4.3.
  if (metadata.issuer !== config.issuer) throw new Trouble("The sign-in service names another issuer.");
  return metadata;
}

let asking;

/**
 * Goes to the provider, which leads back here with a code or an error. Does not return unless that is impossible. Who
 * asks again meanwhile asks the same question: only one `state` can be waiting for its answer.
 */
export async function signIn() {
  asking ??= authorizationUrl().catch((error) => {
    asking = undefined;
    throw error;
  });
  location.assign(await asking);
  return new Promise(() => {});
}

async function authorizationUrl(options) {
  const { authorization_endpoint } = await provider();
  const pending = { state: random(), verifier: random() };
  sessionStorage.setItem("sign-in", JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: config.client_id,
    redirect_uri: here,
    scope: config.scopes,
    resource: config.resource,
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
    ...options,
  });
  return `${authorization_endpoint}?${query}`;
}

/** Ends the session at the provider, and with it what hangs off it (RP-Initiated Logout section 2). */
export async function signOut() {
  const { end_session_endpoint } = await provider();
  const query = new URLSearchParams({
    id_token_hint: tokens.id_token,
    client_id: config.client_id,
    post_logout_redirect_uri: here,
  });
  tokens = undefined;
  location.assign(`${end_session_endpoint}?${query}`);
  return new Promise(() => {});
}

/**
 * Whether somebody is signed in once this page has loaded. A page that comes from nowhere asks the provider, once and
 * without showing anything, whether there is a session.
 */
export async function begin() {
  config = await json("/config.json", DOWN);
  const query = new URLSearchParams(location.search);
  if (query.has("state")) return comeBack(query);
  if (sessionStorage.getItem("asked")) return false;
  const silently = await authorizationUrl({ prompt: "none" });
  sessionStorage.setItem("asked", "yes");
  // Replaced, so that "back" does not lead to the question.
  location.replace(silently);
  return new Promise(() => {});
}

async function comeBack(query) {
  const pending = JSON.parse(sessionStorage.getItem("sign-in"));
  sessionStorage.removeItem("sign-in");
  history.replaceState(null, "", "/");
  // RFC 9700 section 4.7: an answer that this browser did not ask for.
  if (query.get("state") !== pending?.state) return false;
  // RFC 9207 section 2.4, before anything else in the answer is believed.
  if (query.get("iss") !== config.issuer) throw new Trouble("The answer came from another sign-in service.");
  const error = query.get("error");
  if (["login_required", "interaction_required", "consent_required"].includes(error)) return false;
  if (error === "access_denied") throw new Trouble("You did not allow this page to see your tasks.");
  if (error) throw new Trouble("Signing in did not work: {cause}", { cause: query.get("error_description") ?? error });
  const redeemed = await redeem({
    grant_type: "authorization_code",
    code: query.get("code"),
    redirect_uri: here,
    code_verifier: pending.verifier,
  });
  if (!redeemed) throw new Trouble("Signing in did not work. Try again.");
  // The next load may ask silently again: this person has a session.
  sessionStorage.removeItem("asked");
  return true;
}

/** Gets tokens; false when the provider refuses. */
async function redeem(parameters) {
  const { token_endpoint } = await provider();
  const body = new URLSearchParams({ client_id: config.client_id, ...parameters });
  const answer = await ask(token_endpoint, AWAY, { method: "POST", body });
  if (!answer.ok) return false;
  tokens = { ...tokens, ...(await answer.json()) };
  return true;
}

let refreshing;

/** One refresh at a time: several calls may find the access token expired together. */
function refresh() {
  if (!tokens?.refresh_token) return false;
  refreshing ??= redeem({ grant_type: "refresh_token", refresh_token: tokens.refresh_token }).finally(() => {
    refreshing = undefined;
  });
  return refreshing;
}

/** Calls an API of this service with the access token, which is refreshed once when it is refused. */
export async function call(path, method = "GET", body) {
  const send = () =>
    ask(path, DOWN, {
      method,
      body: body && JSON.stringify(body),
      headers: {
        ...(body && { "Content-Type": "application/json" }),
        Authorization: `Bearer ${tokens?.access_token}`,
      },
    });
  let answer = await send();
  if (answer.status === 401 && (await refresh())) answer = await send();
  if (answer.status === 401) throw new SignedOut();
  if (answer.status === 204) return undefined;
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Trouble(said.detail ?? said.title ?? "The service answered {status}.", { status: answer.status });
  return said;
}

/** Claims of the signed-in person (OpenID Connect Core section 5.3); none when they cannot be had. */
export async function profile() {
  const { userinfo_endpoint } = await provider();
  const answer = await fetch(userinfo_endpoint, { headers: { Authorization: `Bearer ${tokens.access_token}` } });
  return answer.ok ? answer.json() : {};
}
