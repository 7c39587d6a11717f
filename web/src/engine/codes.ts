// Style codes and their files: safetensors, as `StyleCode.save` in Python writes and reads them.

import type { GraphInfo } from './metadata';

const FORMAT = 'adain.style-code.1';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A mix of codes: their sum, each times its share. Shares sum to 1. */
export function mix(codes: Float32Array[], shares: number[]): Float32Array {
  const result = new Float32Array(codes[0].length);
  codes.forEach((code, index) => {
    const share = Math.fround(shares[index]);
    for (let i = 0; i < code.length; i++) result[i] += Math.fround(share * code[i]);
  });
  return result;
}

/** Read a style code file of this model. */
export function readCode(bytes: Uint8Array, info: GraphInfo): Float32Array {
  const { header, start } = parsed(bytes);
  const metadata = header.__metadata__ as Record<string, string> | undefined;
  if (metadata?.format !== FORMAT) throw new Error('not a style code file');
  if (metadata.digest !== info.code_digest) throw new Error(`a style code of other weights than this page's ${info.model}`);
  const arrays = info.code_layout.map(([name, shape]) => {
    const entry = header[name] as Entry | undefined;
    if (!entry || entry.dtype !== 'F32' || entry.shape.join() !== shape.join()) throw new Error(`a style code without ${name}`);
    const [begin, end] = entry.data_offsets;
    return new Float32Array(bytes.slice(start + begin, start + end).buffer);
  });
  const code = Float32Array.from(arrays.flatMap((array) => Array.from(array)));
  if (!code.every(Number.isFinite)) throw new Error('a style code with numbers that are not finite');
  return code;
}

/** Write a style code file. */
export function writeCode(code: Float32Array, info: GraphInfo): Uint8Array {
  const header: Record<string, unknown> = {
    __metadata__: { format: FORMAT, model: info.model, digest: info.code_digest },
  };
  let position = 0;
  for (const [name, shape] of info.code_layout) {
    const length = 4 * shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [position, position + length] };
    position += length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const room = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + room + position).fill(32, 8, 8 + room); // spaces fill the header
  new DataView(bytes.buffer).setBigUint64(0, BigInt(room), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(code.buffer, code.byteOffset, code.byteLength), 8 + room);
  return bytes;
}

function parsed(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  try {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    return { header: JSON.parse(text), start: 8 + length };
  } catch {
    throw new Error('not a style code file');
  }
}
