// Reads a style code that `StyleCode.to_json` wrote, for the input `codes` of a graph. For browsers and Node.js.

/**
 * The code as D numbers, from its JSON text and the metadata that `web/metadata.js` reads of the graph that will use it.
 * @param {string} text
 * @param {{code_digest: string, code_layout: [string, number[]][]}} info
 * @returns {Float32Array}
 */
export function readCode(text, info) {
  const { format, digest, dtype, arrays } = JSON.parse(text);
  if (format !== 'adain.style-code.1' || digest !== info.code_digest) {
    throw new Error("not a style code of this graph's network; encode the style with it");
  }
  const width = { float32: 4, float16: 2 }[dtype];
  const numbers = info.code_layout.flatMap(([name, shape]) => {
    const bytes = Uint8Array.from(atob(arrays[name].data), (letter) => letter.charCodeAt(0));
    const count = shape.reduce((product, side) => product * side, 1);
    if (bytes.length !== width * count) throw new Error(`the style code has another shape of ${name} than the graph`);
    const view = new DataView(bytes.buffer);
    return Array.from({ length: count }, (_, i) => (width === 4 ? view.getFloat32(4 * i, true) : half(view.getUint16(2 * i, true))));
  });
  return Float32Array.from(numbers);
}

/** A finite float16 from its bits. */
function half(bits) {
  const exponent = (bits >> 10) & 31;
  const size = exponent ? (1024 + (bits & 1023)) * 2 ** (exponent - 25) : (bits & 1023) * 2 ** -24;
  return bits & 0x8000 ? -size : size;
}
