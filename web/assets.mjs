// Copies what the page needs and other packages hold into public/: the weights, and onnxruntime's wasm, compressed.

import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const ORT = 'node_modules/onnxruntime-web/dist';
const BUILDS = ['ort-wasm-simd-threaded', 'ort-wasm-simd-threaded.asyncify']; // wasm alone, and with WebGPU

await mkdir('public/ort', { recursive: true });
await copyFile('../weights/adain-slim.safetensors', 'public/graphs/adain-slim.safetensors');
for (const build of BUILDS) {
  await copyFile(`${ORT}/${build}.mjs`, `public/ort/${build}.mjs`);
  const [from, to] = [`${ORT}/${build}.wasm`, `public/ort/${build}.wasm.gz`];
  if (await newer(from, to)) await writeFile(to, gzipSync(await readFile(from), { level: 9 }));
}

async function newer(from, to) {
  const [source, copy] = await Promise.all([from, to].map((file) => stat(file).catch(() => null)));
  return !copy || source.mtimeMs > copy.mtimeMs;
}
