// Keeps the page's files, so that it works offline, and sets the headers that WebAssembly needs for threads, which many
// static hosts cannot. The build fills in the files and the version.

const FILES = self.FILES;
const CACHE = `adain-${self.VERSION}`;
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': self.CSP,
};

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(forgetOld().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function forgetOld() {
  const old = (await caches.keys()).filter((name) => name.startsWith('adain-') && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  const key = url.href === self.registration.scope || request.mode === 'navigate' ? 'index.html' : url.pathname;
  const kept = await cache.match(key, { ignoreSearch: true });
  if (kept) return withHeaders(kept);
  const response = await fetch(request);
  if (response.ok) await cache.put(key, response.clone());
  return withHeaders(response);
}

function withHeaders(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
