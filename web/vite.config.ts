import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
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

const LICENSES = 'third-party-licenses.txt';
const bundled = new Set<string>(); // names of packages

/** Notes which packages are bundled, also by the worker. */
function packages(): Plugin {
  return {
    name: 'packages',
    apply: 'build',
    generateBundle(_, files) {
      for (const file of Object.values(files)) {
        for (const id of file.type === 'chunk' ? file.moduleIds : []) {
          const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1];
          if (name) bundled.add(name);
        }
      }
    },
  };
}

/** Adds onnxruntime to Vite's licences, which are of the page's bundle only. Its packages hold no texts. */
function licenses(): Plugin {
  return {
    name: 'licenses',
    apply: 'build',
    closeBundle() {
      const text = readFileSync('licenses/onnxruntime.txt', 'utf8');
      const names = [...bundled].filter((name) => name.startsWith('onnxruntime-')).sort();
      const version = (name: string) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
      const head = names.map((name) => `## ${name} - ${version(name)} (MIT)\n`).join('');
      appendFileSync(`dist/${LICENSES}`, `\n${head}\n${text}\nThe sources of all these packages are on https://www.npmjs.com.\n`);
      const written = readFileSync(`dist/${LICENSES}`, 'utf8');
      const missing = [...bundled].filter((name) => !written.includes(`\n## ${name} - `));
      if (missing.length) throw new Error(`${missing.join(', ')}: no licence in ${LICENSES}`);
    },
  };
}

/** Writes the list of files and their hash into the service worker, which keeps them for offline use. */
function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    closeBundle() {
      const names = readdirSync('dist', { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== 'sw.js' && entry.name !== LICENSES)
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
  worker: { format: 'es', plugins: () => [packages()] },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    license: { fileName: LICENSES },
    rolldownOptions: {
      input: { index: 'index.html', stylizer: 'src/stylizer.ts' },
      preserveEntrySignatures: 'exports-only',
      output: { entryFileNames: ({ name }) => (name === 'stylizer' ? 'stylizer.js' : 'assets/[name]-[hash].js') },
    },
  },
  plugins: [policy(), packages(), licenses(), offline()],
  server: { headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } },
});
