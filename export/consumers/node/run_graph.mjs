// Runs any graphs in Node.js on tensors in files (see ../tensors.mjs); the tests use it for every kind of graph:
//   node run_graph.mjs FOLDER...

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { runEach } from '../tensors.mjs';

const ARRAYS = { float32: Float32Array, float16: globalThis.Float16Array ?? Uint16Array, uint8: Uint8Array };

async function run({ graph, inputs }, folder) {
  const session = await ort.InferenceSession.create(graph, { logSeverityLevel: 3 });
  const feeds = {};
  for (const [name, { type, dims, file }] of Object.entries(inputs)) {
    const { buffer } = new Uint8Array(await readFile(path.join(folder, file))); // a copy, aligned
    feeds[name] = new ort.Tensor(type, new ARRAYS[type](buffer), dims);
  }
  const outputs = {};
  for (const [name, { type, dims, data }] of Object.entries(await session.run(feeds))) {
    outputs[name] = { type, dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  }
  await session.release();
  return outputs;
}

await runEach(process.argv.slice(2), run);
