// Stylizes a picture in Node.js with a graph that `adain export MODEL -o DIR` wrote:
//   node stylize.mjs MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]
// ALPHA is the strength of the style, from 0 to 1, by default 1. STROKES is how much of a coarse draft goes into the
// picture, from 0 to 1, by default 0.5.

import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { GRAIN, checkWhole, readMetadata } from '../web/metadata.js';

async function main([model, content, style, out, alpha = '1', strokes = '0.5']) {
  if (out === undefined) throw new Error('usage: node stylize.mjs MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]');
  for (const [name, text] of Object.entries({ ALPHA: alpha, STROKES: strokes })) {
    if (!(Number(text) >= 0 && Number(text) <= 1)) throw new Error(`${name} must be in [0, 1], got ${text}`);
  }
  const info = readMetadata(await readFile(model));
  checkWhole(info);
  if (info.portable) throw new Error('this graph takes certain sizes only; export it again without --portable');
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  const { stylized } = await session.run({
    content: await readPicture(content),
    style: await readPicture(style),
    alpha: new ort.Tensor('float32', [Number(alpha)], [1, 1]),
    strokes: new ort.Tensor('float32', [Number(strokes)], [1, 1]),
    grain: new ort.Tensor('float32', GRAIN, [1, 2]),
  });
  await writePicture(stylized, out);
}

/** A file as float32 (1, 3, height, width), RGB in [0, 1]: upright, in sRGB, without transparency. */
async function readPicture(path) {
  const picture = sharp(path).autoOrient().toColourspace('srgb').removeAlpha().raw();
  const { data, info } = await picture.toBuffer({ resolveWithObject: true });
  const pixels = info.width * info.height;
  const planes = new Float32Array(3 * pixels);
  for (let channel = 0; channel < 3; channel++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      planes[channel * pixels + pixel] = data[pixel * info.channels + Math.min(channel, info.channels - 1)] / 255;
    }
  }
  return new ort.Tensor('float32', planes, [1, 3, info.height, info.width]);
}

/** The reverse of `readPicture`, into a file whose suffix says its format. */
async function writePicture({ data, dims: [, , height, width] }, path) {
  const pixels = width * height;
  const rgb = Buffer.alloc(3 * pixels);
  for (let channel = 0; channel < 3; channel++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      rgb[pixel * 3 + channel] = data[channel * pixels + pixel] * 255 + 0.5; // values are in [0, 1] already
    }
  }
  await sharp(rgb, { raw: { width, height, channels: 3 } }).toFile(path);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
