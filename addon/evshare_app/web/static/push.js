// Lets this phone take notices: asks the person, subscribes at the browser's push service, and tells the portal where.
//
// form[data-push=<the house's key>] holds the button, form[data-no-push] the one that ends it; pages work without this file, and show it only where browsers can.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function subscribe(form) {
  if ((await Notification.requestPermission()) !== "granted") throw new Error("not allowed");
  const worker = await navigator.serviceWorker.ready;
  // One that was made for another key, or another resident, is of no use.
  await (await worker.pushManager.getSubscription())?.unsubscribe();
  const made = await worker.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytes(form.dataset.push),
  });
  const fields = new URLSearchParams({
    csrf: new FormData(form).get("csrf"),
    endpoint: made.endpoint,
    p256dh: text(made.getKey("p256dh")),
    auth: text(made.getKey("auth")),
  });
  const answer = await fetch(form.action, { method: "POST", body: fields });
  if (!answer.ok) {
    await made.unsubscribe();
    throw new Error(String(answer.status));
  }
  location.replace("/me?said=saved");
}

async function end(form) {
  // Else the worker would make a new subscription of it when the browser moves it.
  const worker = await navigator.serviceWorker.getRegistration();
  await (await worker?.pushManager.getSubscription())?.unsubscribe();
  form.submit();
}

if ("serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  document.documentElement.dataset.pushes = "";
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("form[data-push] button");
    if (!button || button.disabled) return;
    const problem = button.form.querySelector("[data-push-problem]");
    problem.hidden = true;
    button.disabled = true;
    try {
      await subscribe(button.form);
    } catch {
      problem.hidden = false;
      button.disabled = false;
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-no-push]")) return;
    event.preventDefault();
    end(event.target).catch(() => event.target.submit());
  });
}
