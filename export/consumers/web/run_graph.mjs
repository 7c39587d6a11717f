// Runs any graphs in a headless Chromium on tensors in files (see ../tensors.mjs); the tests use it for every kind:
//   CHROMIUM=/usr/bin/chromium node run_graph.mjs DEVICE [--strict] FOLDER...
// DEVICE is wasm or webgpu. With --strict, an operator that the device lacks is an error; without, it runs on the CPU.
// All graphs run in one page, where WebGPU compiles a shader once for all of them.

import path from 'node:path';
import { runEach } from '../tensors.mjs';
import { withPage } from './browser.mjs';

const [device, ...rest] = process.argv.slice(2);
const strict = rest[0] === '--strict';

/** Run one graph; this function runs in the page, which gets files from the addresses that `route` serves. */
async function runInPage({ device, strict, weights, inputs }) {
  const read = async (name) => (await fetch(`/files/${name}`)).arrayBuffer();
  const arrays = { float32: Float32Array, float16: globalThis.Float16Array ?? Uint16Array, uint8: Uint8Array };
  const ort = await import(`onnxruntime-web/${device}`);
  const session = await ort.InferenceSession.create(await read('graph'), {
    executionProviders: [device],
    externalData: await Promise.all(weights.map(async (name) => ({ path: name, data: await read(name) }))),
    logSeverityLevel: 3,
    extra: { session: { disable_cpu_ep_fallback: strict ? '1' : '0' } },
  });
  const feeds = {};
  for (const [name, { type, dims, file }] of Object.entries(inputs)) {
    feeds[name] = new ort.Tensor(type, new arrays[type](await read(file)), dims);
  }
  const outputs = {};
  for (const [name, tensor] of Object.entries(await session.run(feeds))) {
    const data = await tensor.getData();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    outputs[name] = { type: tensor.type, dims: tensor.dims, bytes: Array.from(bytes) };
  }
  await session.release();
  return outputs;
}

await withPage(device, '', async (page) => {
  let files = {};
  await page.route('**/files/*', (route) => {
    const name = decodeURIComponent(path.posix.basename(new URL(route.request().url()).pathname));
    return route.fulfill({ path: files[name] });
  });
  await runEach(rest.slice(strict ? 1 : 0), async ({ graph, weights, inputs }, folder) => {
    files = { graph, ...weights };
    for (const { file } of Object.values(inputs)) files[file] = path.join(folder, file);
    const outputs = await page.evaluate(runInPage, { device, strict, weights: Object.keys(weights), inputs });
    for (const output of Object.values(outputs)) output.bytes = Uint8Array.from(output.bytes);
    return outputs;
  });
});
