// Keeps a page current without reloading it. Every page works without this file; it only saves the person a reload.
//
// [data-live=<address>] polls JSON {state, values}: while `state` is the one the page was made for, only texts change
// (elements with data-value=<name>); when it is another, the page itself is fetched anew.
// [data-refresh=<seconds>] fetches the page anew in that rhythm.

const LIVE_EVERY_MS = 3000;
const PAGE_LIFE_MS = 120000; // an intent to start lives 180 s

let busy = false;
let failures = 0;
let madeAt = performance.now();

async function renew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || busy) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const main = document.querySelector("main");
  if (!fresh || !main) return;
  const chosen = [...main.querySelectorAll("input[type=radio]:checked")].map((input) => [input.name, input.value]);
  const unfolded = [...main.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);
  const focused = document.activeElement?.id;
  main.replaceWith(fresh);
  for (const summary of fresh.querySelectorAll("details > summary")) {
    if (unfolded.includes(summary.textContent)) summary.parentElement.open = true;
  }
  for (const [name, value] of chosen) {
    const input = [...fresh.querySelectorAll("input[type=radio]")].find((one) => one.name === name && one.value === value);
    if (input) input.checked = true;
  }
  if (focused) document.getElementById(focused)?.focus();
  madeAt = performance.now();
}

async function look(live) {
  const answer = await fetch(live.dataset.live, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const { state, values } = await answer.json();
  if (state !== live.dataset.state || performance.now() - madeAt > PAGE_LIFE_MS) return renew();
  for (const [name, value] of Object.entries(values)) {
    for (const element of document.querySelectorAll(`[data-value="${CSS.escape(name)}"]`)) {
      if (element.textContent !== value) element.textContent = value;
    }
  }
}

async function turn() {
  const live = document.querySelector("[data-live]");
  const page = document.querySelector("[data-refresh]");
  const rhythm = live ? LIVE_EVERY_MS : Number(page?.dataset.refresh ?? 0) * 1000;
  if (!rhythm) return;
  if (!document.hidden && !busy) {
    try {
      await (live ? look(live) : renew());
      failures = 0;
    } catch {
      failures = Math.min(failures + 1, 5);
    }
  }
  setTimeout(turn, rhythm * 2 ** failures);
}

document.addEventListener("submit", (event) => {
  busy = true;
  // A second tap must not send the form twice; the request id would answer it, but the person should see one tap count.
  for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
window.addEventListener("pageshow", (event) => {
  busy = false;
  if (event.persisted) renew().catch(() => {});
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && document.querySelector("[data-live], [data-refresh]")) renew().catch(() => {});
});
// What the last POST had to say is said once, not after every look.
if (location.search.includes("said=")) history.replaceState(null, "", location.pathname);
// On a phone the office's tabs are wider than the screen.
document.querySelector(".office-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
setTimeout(turn, LIVE_EVERY_MS);
// Where the page says it can be kept as an app, its worker comes after everything that is seen.
if (document.querySelector("link[rel=manifest]") && "serviceWorker" in navigator) {
  const worker = `/sw.js?language=${document.documentElement.lang}`;
  window.addEventListener("load", () => navigator.serviceWorker.register(worker).catch(() => {}));
}
