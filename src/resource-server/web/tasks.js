// The tasks page: sign in, list, add, tick, delete, sign out.

import { SignedOut, Trouble, begin, call, profile, signIn, signOut } from "./oauth.js";
import { t, translatePage } from "./words.js";

const at = (id) => document.getElementById(id);
let next;

function show(view) {
  for (const id of ["loading", "signed-out", "signed-in"]) at(id).hidden = id !== view;
  at("person").hidden = view !== "signed-in";
  document.body.className = view === "signed-in" ? "house solo" : "gate";
}

function showSignedOut(message) {
  at("list").replaceChildren();
  at("sign-in-error").textContent = message ?? "";
  at("sign-in-error").hidden = !message;
  show("signed-out");
}

function words(error) {
  return error instanceof Trouble ? error.message : t("Something went wrong on this page. Load it again.");
}

/** Runs what `button` stands for, once at a time; what goes wrong is told at the foot of the page. Whether it went well. */
async function attempt(button, action) {
  if (button.getAttribute("aria-busy") === "true") return false;
  at("failure").hidden = true;
  button.setAttribute("aria-busy", "true");
  try {
    await action();
    return true;
  } catch (error) {
    if (error instanceof SignedOut) {
      showSignedOut(t("Your session has ended. Sign in again."));
      at("sign-in").focus();
    } else {
      at("failure").hidden = false;
      at("error").textContent = words(error);
    }
    return false;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function count() {
  const rows = [...at("list").children];
  const open = rows.filter((row) => !row.classList.contains("done")).length;
  const counted = next ? "{open} of {all} or more open" : "{open} of {all} open";
  at("count").textContent = rows.length ? t(counted, { open, all: rows.length }) : "";
  at("wait").hidden = true;
  at("empty").hidden = rows.length > 0;
  at("more").hidden = !next;
}

function row(task) {
  const item = at("row").content.firstElementChild.cloneNode(true);
  const [box, remove] = [item.querySelector("input"), item.querySelector("button")];
  item.querySelector(".title").textContent = task.title;
  remove.setAttribute("aria-label", t("Delete: {title}", { title: task.title }));
  const mark = (done) => {
    box.checked = done;
    item.classList.toggle("done", done);
  };
  mark(task.done);
  box.addEventListener("change", async () => {
    const done = box.checked;
    // It shows what the service has stored.
    await attempt(box, async () => mark((await call(`/api/tasks/${task.id}`, "PATCH", { done })).done));
    mark(item.classList.contains("done"));
    count();
  });
  remove.addEventListener("click", async () => {
    if (!(await attempt(remove, () => call(`/api/tasks/${task.id}`, "DELETE")))) return;
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    count();
    (neighbour?.querySelector("button") ?? at("list-heading")).focus();
  });
  return item;
}

/** Adds a page of tasks to the list. */
async function load() {
  const query = new URLSearchParams({ limit: 50, ...(next && { cursor: next }) });
  const page = await call(`/api/tasks?${query}`);
  next = page.next_cursor;
  at("list").append(...page.items.map(row));
  count();
}

async function start() {
  next = undefined;
  at("list").replaceChildren();
  at("empty").hidden = at("retry").hidden = true;
  at("wait").textContent = t("Loading…");
  at("wait").hidden = false;
  if (await attempt(at("tasks"), load)) return;
  at("wait").textContent = t("Your tasks could not be loaded.");
  at("retry").hidden = false;
}

at("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = at("title");
  const title = field.value.trim();
  if (!title) {
    field.value = "";
    field.reportValidity();
    return;
  }
  attempt(at("add-submit"), async () => {
    at("list").prepend(row(await call("/api/tasks", "POST", { title })));
    field.value = "";
    field.focus();
    count();
  });
});
at("more-button").addEventListener("click", () => attempt(at("more-button"), load));
at("retry").addEventListener("click", start);
at("sign-out").addEventListener("click", () => attempt(at("sign-out"), signOut));
at("sign-in").addEventListener("click", () => signIn().catch((error) => showSignedOut(words(error))));
// Brought back as it was left, the page would show the tasks of a session that may be over.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  show("loading");
  location.reload();
});

translatePage();
try {
  if (await begin()) {
    show("signed-in");
    // A name is a comfort; the page works without it.
    profile().then((claims) => (at("who").textContent = claims.email ?? claims.name ?? ""), () => {});
    await start();
  } else {
    showSignedOut();
  }
} catch (error) {
  showSignedOut(words(error));
}
