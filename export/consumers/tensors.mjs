// Graphs and tensors in files, for `node/run_graph.mjs` and `web/run_graph.mjs`. A folder holds `feed.json`,
//   { "graph": FILE, "weights": { NAME: FILE, ... }, "inputs": { NAME: { "type", "dims", "file" }, ... },
//     "outputs": [NAME, ...] }
// and one raw little-endian file per tensor. `weights` are files beside the graph that it reads its weights from, and
// `outputs` all outputs of the graph, for runtimes that must be told.
// The outputs are written there in the same form, with `outputs.json`; where a graph fails, it is { "error": TEXT }.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Run the graph of each folder.
 * @param {string[]} folders
 * @param {(task: object, folder: string) => Promise<Object<string, {type: string, dims: number[], bytes: Uint8Array}>>} run
 *   from what `feed.json` holds to outputs by name
 */
export async function runEach(folders, run) {
  for (const folder of folders) {
    const task = JSON.parse(await readFile(path.join(folder, 'feed.json'), 'utf8'));
    let written;
    try {
      written = { outputs: await writeTensors(folder, await run(task, folder)) };
    } catch (error) {
      written = { error: error.message };
    }
    await writeFile(path.join(folder, 'outputs.json'), JSON.stringify(written));
  }
}

async function writeTensors(folder, tensors) {
  const written = {};
  for (const [name, { type, dims, bytes }] of Object.entries(tensors)) {
    const file = `output.${name}.bin`;
    await writeFile(path.join(folder, file), bytes);
    written[name] = { type, dims, file };
  }
  return written;
}
