// Comfort only: every page does its job without this file.

// "About 9 minutes" becomes a clock. Same element, same line: nothing moves.
for (const clock of document.querySelectorAll("[data-seconds-left]")) {
  const end = performance.now() + clock.dataset.secondsLeft * 1000;
  const tick = () => {
    const left = Math.max(0, Math.round((end - performance.now()) / 1000));
    clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    if (left > 0) setTimeout(tick, 1000);
  };
  tick();
}

// One press is enough.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  });
}

// Back from the next page, the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    for (const button of form.elements) button.removeAttribute("aria-busy");
  }
});

// A key is long: offer to copy it.
for (const button of document.querySelectorAll("[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  if (!navigator.clipboard || !source) continue;
  button.disabled = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent.replace(/\s/g, ""));
    button.textContent = button.dataset.done;
  });
}

// A new password is judged while it is typed. The same rules decide when the form is sent.
for (const shown of document.querySelectorAll("[data-strength-of]")) {
  const field = document.getElementById(shown.dataset.strengthOf);
  const [meter, text] = [shown.querySelector("meter"), shown.querySelector("p")];
  let asked = 0;
  let pause;
  const show = ({ score, word, hint }) => {
    meter.hidden = score === undefined;
    meter.value = (score ?? -1) + 1;
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
