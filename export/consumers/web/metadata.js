// A graph's metadata, read from the file: neither onnxruntime-web nor onnxruntime-node gives it out.

const CONTRACT = 5; // version of the graphs' contract that these programs are written for

/** Row and column of the grain's tile where it begins, as `adain` has them with seed 0; any others up to 255 will do. */
export const GRAIN = [95, 33];

const METADATA_PROPS = 14; // fields of ONNX's ModelProto and StringStringEntryProto
const KEY = 1;
const VALUE = 2;

/**
 * The `adain.*` entries of an ONNX file, without that prefix; what the file has as JSON is parsed.
 * @param {Uint8Array} bytes the file
 * @returns {Object<string, any>}
 */
export function readMetadata(bytes) {
  const decoder = new TextDecoder();
  const metadata = {};
  for (const [field, entry] of fields(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const pair = new Map(fields(entry));
    const key = decoder.decode(pair.get(KEY));
    if (key.startsWith('adain.')) metadata[key.slice('adain.'.length)] = parsed(decoder.decode(pair.get(VALUE)));
  }
  return metadata;
}

/**
 * Check that a file is MODEL.onnx with float pictures; else an error says what to do.
 * @param {Object<string, any>} info what `readMetadata` returned
 */
export function checkWhole({ contract, graph, io }) {
  if (contract === undefined) throw new Error('this file is not a graph of adain; take MODEL.onnx as `adain export` writes it');
  if (contract > CONTRACT) {
    throw new Error(`this graph follows version ${contract} of the contract, this program version ${CONTRACT}; take the program from a newer version of adain`);
  }
  if (contract < CONTRACT) {
    throw new Error(`this graph follows version ${contract} of the contract, this program version ${CONTRACT}; export it again with this version of adain`);
  }
  if (graph !== 'whole') throw new Error(`this file is the graph ${graph}; take MODEL.onnx, which has the whole network`);
  if (io !== 'float') throw new Error(`this graph takes ${io} pictures; export it again with --io float`);
}

/**
 * The sides that a graph takes and a picture fits into. Only portable graphs, and those of one size, do not take all.
 * @param {Object<string, any>} info what `readMetadata` returned
 * @param {{width: number, height: number}} picture
 * @returns {{width: number, height: number}}
 */
export function fitting({ size_multiple: multiple, size_minimum: minimum, fixed }, { width, height }) {
  if (fixed) return fixed;
  const [fittingWidth, fittingHeight] = [width, height].map((side) => Math.max(Math.ceil(side / multiple) * multiple, minimum));
  return { width: fittingWidth, height: fittingHeight };
}

/** The factor, at most 1, by which a picture must shrink to go into a graph of one size; 1 for all other graphs. */
export function shrinking({ fixed }, { width, height }) {
  return fixed ? Math.min(1, fixed.width / width, fixed.height / height) : 1;
}

/** Numbers and contents of a protobuf message's fields; of those without a length, only the number. */
function* fields(bytes) {
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (position >= bytes.length) throw new Error('the file is cut off, or is not ONNX');
      const byte = bytes[position++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === 2) {
      const length = varint();
      if (position + length > bytes.length) throw new Error('the file is cut off, or is not ONNX');
      yield [field, bytes.subarray(position, position + length)];
      position += length;
    } else if (type === 0) {
      varint();
    } else if (type === 1 || type === 5) {
      position += type === 1 ? 8 : 4;
    } else {
      throw new Error('the file is not ONNX');
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
