// What the pages do beyond plain forms: keys, one click counts once, and a word when more drafts wait.
// Everything works without this file.

"use strict";

const KEYS = "review-keys";
const LOOK_EVERY_MS = 20000;

const cards = () => [...document.querySelectorAll(".card")];
const current = () => document.activeElement?.closest(".card") ?? null;
const keysBox = document.getElementById("keys");

// Keys: j and k move between drafts; the others act inside the draft that has the focus, never while somebody types.

keysBox.checked = localStorage.getItem(KEYS) !== "off";
keysBox.addEventListener("change", () => localStorage.setItem(KEYS, keysBox.checked ? "on" : "off"));

function move(step) {
  const all = cards();
  const here = all.indexOf(current());
  const next = all[here < 0 ? 0 : Math.min(Math.max(here + step, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (!keysBox.checked || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
    return;
  }
  const card = current();
  if (!card || !/^[a-z0-9]$/.test(event.key)) return;
  const field = card.querySelector(`[data-focus="${event.key}"]`);
  const button = card.querySelector(`[data-key="${event.key}"]`);
  if (!field && !button) return;
  event.preventDefault();
  const note = card.querySelector("textarea");
  if (event.key === "x" && note && !note.value.trim()) note.focus();
  else if (field) field.focus();
  else button.click();
});

// A second click on the same form is not sent; a rejection without a note is not either.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.classList.contains("verdict")) return;
  const note = form.querySelector("textarea");
  note.setCustomValidity("");
  if (event.submitter?.value === "reject" && !note.value.trim()) {
    event.preventDefault();
    note.setCustomValidity("A rejection needs a note that says why.");
    note.reportValidity();
    note.addEventListener("input", () => note.setCustomValidity(""), { once: true });
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.closest(".card").querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
});

// Coming back by the browser's own button shows the page as it was left: let its forms be sent again.

window.addEventListener("pageshow", () => {
  document.querySelectorAll("form.verdict").forEach((form) => delete form.dataset.sent);
  document.querySelectorAll('[aria-disabled="true"]').forEach((button) => button.removeAttribute("aria-disabled"));
});

// The first draft is ready for keys after a decision.

if (document.querySelector(".done")) cards()[0]?.focus({ preventScroll: true });

// Say when the queue has grown or shrunk; nothing on the page moves by itself.

const count = document.getElementById("count");

async function look() {
  if (document.hidden) return;
  const query = new URLSearchParams(count.dataset.query);
  query.set("page", "1");
  query.set("page_size", "1");
  const answer = await fetch(`/api/drafts?${query}`).catch(() => null);
  if (!answer?.ok) return;
  const more = (await answer.json()).total - Number(count.dataset.total);
  count.querySelector(".fresh")?.remove();
  if (more === 0) return;
  const link = document.createElement("a");
  link.className = "fresh";
  link.href = location.href.replace(/[?&](done|id|same_as)=[^&]*/g, "");
  link.textContent = more > 0 ? `${more} more: show` : `${-more} fewer: show`;
  count.append(link);
}

if (count) setInterval(look, LOOK_EVERY_MS);
