// Keeps the page's files, so that it works offline, and sets the headers that WebAssembly needs for threads, which many
// static hosts cannot. The build fills in the files and the version.

const FILES = self.FILES; // kept from the start
const LATER = self.LATER; // kept once they are used
const OWN = `adain ${self.registration.scope} `; // how the names of this page's caches begin
const CACHE = OWN + self.VERSION;
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': self.CSP,
};

self.addEventListener('install', (event) => {
  self.skipWaiting();
  // Past the browser's own cache, which may still hold files of the version before.
  const requests = FILES.map((name) => new Request(name, { cache: 'no-cache' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(forgetOld().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const name = nameOf(event.request.url);
  if (event.request.method === 'GET' && (FILES.includes(name) || LATER.includes(name))) {
    event.respondWith(answer(event, name));
  }
});

async function forgetOld() {
  const old = (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** Which of the page's files an address means; what else the host has below the same address is not ours. */
function nameOf(url) {
  const { origin, pathname } = new URL(url);
  const { scope } = self.registration;
  if (!(origin + pathname).startsWith(scope)) return null;
  return decodeURIComponent((origin + pathname).slice(scope.length)) || 'index.html';
}

async function answer(event, name) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(name);
  if (kept) return withHeaders(kept);
  const response = await fetch(event.request);
  if (response.ok) event.waitUntil(cache.put(name, response.clone())); // the page does not wait for it
  return withHeaders(response);
}

function withHeaders(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
