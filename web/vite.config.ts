import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Plugin, defineConfig } from 'vite';

// Only the small JavaScript of onnxruntime is bundled; its wasm comes from public/ort.
const conditions = ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'];

const CSP = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Writes the content security policy into the page; the dev server needs inline scripts. */
function policy(): Plugin {
  const content = { 'http-equiv': 'Content-Security-Policy', content: CSP };
  return { name: 'policy', apply: 'build', transformIndexHtml: () => [{ tag: 'meta', attrs: content, injectTo: 'head-prepend' }] };
}

/** Writes the list of files and their hash into the service worker, which keeps them for offline use. */
function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    closeBundle() {
      const names = readdirSync('dist', { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== 'sw.js')
        .map((entry) => path.posix.join(path.relative('dist', entry.parentPath).replaceAll('\\', '/'), entry.name))
        .sort();
      const hash = createHash('sha256');
      for (const name of names) hash.update(name).update(readFileSync(path.join('dist', name)));
      const webgpu = (name: string) => name.includes('asyncify');
      const text = readFileSync('dist/sw.js', 'utf8');
      const filled = { FILES: names.filter((name) => !webgpu(name)), LATER: names.filter(webgpu), VERSION: hash.digest('hex').slice(0, 12), CSP };
      const result = text.replace(/self\.(FILES|LATER|VERSION|CSP)/g, (_, name: keyof typeof filled) => JSON.stringify(filled[name]));
      writeFileSync('dist/sw.js', result);
    },
  };
}

export default defineConfig({
  base: './',
  resolve: { conditions },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: 'index.html', stylizer: 'src/stylizer.ts' },
      preserveEntrySignatures: 'exports-only',
      output: { entryFileNames: ({ name }) => (name === 'stylizer' ? 'stylizer.js' : 'assets/[name]-[hash].js') },
    },
  },
  plugins: [policy(), offline()],
  server: { headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } },
});
