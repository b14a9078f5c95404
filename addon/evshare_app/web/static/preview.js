// Shows what a form would bring while it is being filled in: the form [data-preview=<address>] is sent there after a
// change, and #preview of the answer takes the place of ours. Without this file a button does the same.

const PAUSE_MS = 700;
const form = document.querySelector("form[data-preview]");
let timer;
let asked;
let touched = false; // a form nobody has filled in yet is not told what it lacks

async function look() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const place = document.querySelector("#preview");
  place.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.dataset.preview, { method: "POST", body, signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("#preview");
    if (answer.ok && fresh) return place.replaceWith(fresh);
    // What is there was made of other fields; what is wrong now is said above it.
    const wrong = page.querySelector("form .wrong") ?? page.querySelector("[role=alert]");
    const label = wrong?.closest(".field")?.querySelector("label")?.textContent;
    const problem = [label, wrong?.textContent.trim()].filter(Boolean).join(": ");
    if (touched) place.querySelector("[data-problem]").textContent = problem;
  } catch {
    // Asked again already, or the house does not answer: the next change asks again.
  }
  if (!signal.aborted) place.removeAttribute("aria-busy");
}

form?.addEventListener("input", () => {
  touched = true;
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE_MS);
});
if (form && !document.querySelector("#preview table, .wrong:not(:empty)")) look();
