// onnxruntime-web on WebGPU or WebAssembly. Its wasm is stored compressed, because many hosts do not compress it.

import type * as Ort from 'onnxruntime-web';

export type Device = 'webgpu' | 'wasm';

const BUILDS = { wasm: 'ort-wasm-simd-threaded', webgpu: 'ort-wasm-simd-threaded.asyncify' };
const MOST_THREADS = 8;

/** The fastest device of this browser. */
export async function bestDevice(): Promise<Device> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const info = adapter?.info as { isFallbackAdapter?: boolean } | undefined; // computes on the CPU
  return adapter && !info?.isFallbackAdapter ? 'webgpu' : 'wasm';
}

/** How many threads WebAssembly gets: one for each core, if the page is isolated. */
export function threads(): number {
  return self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
}

/** Load the runtime for a device from the folder `ort/` of the page. */
export async function loadRuntime(device: Device, base: string): Promise<typeof Ort> {
  const ort = await (device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'));
  const { wasm } = ort.env;
  wasm.wasmPaths = { mjs: new URL(`ort/${BUILDS[device]}.mjs`, base).href };
  wasm.wasmBinary = await unzipped(new URL(`ort/${BUILDS[device]}.wasm.gz`, base));
  wasm.numThreads = threads();
  return ort;
}

/** The bytes of a file of the page. */
export async function fetched(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function unzipped(url: URL): Promise<ArrayBuffer> {
  const bytes = await fetched(url);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer as ArrayBuffer; // the host has unpacked it already
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}
