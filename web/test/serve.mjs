// A plain static server without any special header, as many hosts are: the service worker must do the rest.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

export const PATH = '/below'; // where the page lies on the host
const API = `${PATH}/v1/models`; // of a host that has more than the page; answers how often it was asked

/** Serve a folder on any free port of this machine; resolves to the server. */
export function serve(folder, port = 0) {
  const server = createServer(async ({ url }, response) => {
    const name = decodeURIComponent(new URL(url, 'http://localhost').pathname).replace(/\/$/, '/index.html');
    if (name === API) return response.end(String((server.asked += 1)));
    const file = path.join(folder, path.posix.normalize(name.slice(PATH.length)));
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return response.writeHead(404).end();
    const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': found.size });
    server.sent += found.size;
    createReadStream(file).pipe(response);
  });
  server.sent = 0; // bytes
  server.asked = 0; // requests to API
  return new Promise((resolve, reject) => server.once('error', reject).listen(port, 'localhost', () => resolve(server)));
}
