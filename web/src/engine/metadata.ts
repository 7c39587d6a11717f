// A graph's metadata, read from the ONNX file: onnxruntime-web does not give it out.

import type { Framing } from './framing';

const CONTRACT = 5; // version of the graphs' contract that this page is written for

const METADATA_PROPS = 14; // fields of ONNX's ModelProto and StringStringEntryProto
const KEY = 1;
const VALUE = 2;

export interface FusedMap {
  name: string;
  channels: number;
  fusion: string;
}

export interface GraphInfo {
  contract: number;
  model: string;
  graph: string;
  stages: { name: string; maps: FusedMap[] }[];
  framing?: Framing;
  size_multiple: number;
  size_minimum: number;
  default_strokes: number;
  code_layout: [string, number[]][];
  code_digest: string;
}

/** The `adain.*` entries of an ONNX file, without that prefix. */
export function readMetadata(bytes: Uint8Array): GraphInfo {
  const decoder = new TextDecoder();
  const metadata: Record<string, unknown> = {};
  for (const [field, entry] of fields(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const pair = new Map(fields(entry));
    const key = decoder.decode(pair.get(KEY));
    if (key.startsWith('adain.')) metadata[key.slice('adain.'.length)] = parsed(decoder.decode(pair.get(VALUE)));
  }
  if (metadata.contract !== CONTRACT) {
    throw new Error(`the graph follows contract ${metadata.contract}, this page ${CONTRACT}; run web/prepare.py again`);
  }
  return metadata as unknown as GraphInfo;
}

/** Numbers and contents of a protobuf message's fields that have a length. */
function* fields(bytes: Uint8Array): Generator<[number, Uint8Array]> {
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (position >= bytes.length) throw new Error('the graph is cut off; load the page again');
      const byte = bytes[position++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const type = tag % 8;
    if (type === 2) {
      const length = varint();
      yield [Math.floor(tag / 8), bytes.subarray(position, position + length)];
      position += length;
    } else if (type === 0) {
      varint();
    } else {
      position += type === 1 ? 8 : 4;
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
