// The portal's service worker. It keeps the shell (style, script, icon) and one page that says there is no connection;
// it never keeps a page about anyone. It shows notices, and tells the portal where they reach it. VERSION, OFFLINE, SHELL, NAME and ICON are written above by the app.

const CACHE = `shell-${VERSION}`;

async function keepShell() {
  const cache = await caches.open(CACHE);
  await Promise.all(
    [OFFLINE, ...SHELL].map(async (address) => {
      // Without cookies, so that what is kept is nobody's.
      const answer = await fetch(address, { credentials: "omit" });
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      await cache.put(address, answer);
    }),
  );
  await self.skipWaiting();
}

async function forgetOlder() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("shell-") && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function keptOr(address, request) {
  return (await (await caches.open(CACHE)).match(address)) ?? fetch(request);
}

async function pageOr(request) {
  try {
    return await fetch(request);
  } catch {
    return (await (await caches.open(CACHE)).match(OFFLINE)) ?? Response.error();
  }
}

self.addEventListener("install", (event) => event.waitUntil(keepShell()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOlder()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(pageOr(request));
  else if (SHELL.includes(address.pathname)) event.respondWith(keptOr(address.pathname, request));
});

function show(event) {
  let said = {};
  try {
    said = event.data.json();
  } catch {
    // Without words it still says that there is something to see.
  }
  const { title = NAME, body = "", tag, lang, address = "/" } = said;
  return self.registration.showNotification(title, { body, tag, lang, icon: ICON, data: { address } });
}

async function open(notice) {
  const wanted = new URL(notice.data?.address ?? "/", self.location.origin);
  const address = wanted.origin === self.location.origin ? wanted.href : self.location.origin;
  const [page] = await self.clients.matchAll({ type: "window" });
  if (!page) return self.clients.openWindow(address);
  await page.focus();
  return page.navigate(address);
}

// A browser may move its pushes to another address by itself, or end them; the portal is told the new one.
async function move(event) {
  const told = await fetch("/me/push");
  if (!told.ok) return; // this phone is not connected any more
  const { key, csrf } = await told.json();
  const made =
    event.newSubscription ??
    (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  const { endpoint, keys } = made.toJSON();
  const answer = await fetch("/me/push", { method: "POST", body: new URLSearchParams({ csrf, endpoint, ...keys }) });
  if (!answer.ok) throw new Error(`/me/push: ${answer.status}`);
}

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(move(event)));
self.addEventListener("push", (event) => event.waitUntil(show(event)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification));
});
