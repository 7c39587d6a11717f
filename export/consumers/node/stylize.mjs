// Stylizes a picture in Node.js with a graph that `adain export MODEL -o DIR` wrote:
//   node stylize.mjs MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]
// ALPHA is the strength of the style, from 0 to 1, by default 1. STROKES is how much of a coarse draft goes into the
// picture, from 0 to 1, by default 0.5.

import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { GRAIN, checkWhole, fitting, readMetadata, shrinking } from '../web/metadata.js';

const STYLE_SIDE = 512; // px of a style's shorter side at most; its size sets the scale of the strokes

async function main([model, content, style, out, alpha = '1', strokes = '0.5']) {
  if (out === undefined) throw new Error('usage: node stylize.mjs MODEL.onnx CONTENT STYLE OUT.png [ALPHA [STROKES]]');
  for (const [name, text] of Object.entries({ ALPHA: alpha, STROKES: strokes })) {
    if (!(Number(text) >= 0 && Number(text) <= 1)) throw new Error(`${name} must be in [0, 1], got ${text}`);
  }
  const info = readMetadata(await readFile(model));
  checkWhole(info);
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  const [whole, painting] = [await readPicture(content), await readPicture(style)];
  const picture = await scaled(whole, shrinking(info, whole));
  const side = Math.min(painting.width, painting.height);
  const { stylized } = await session.run({
    content: tensor(picture, info),
    style: tensor(await scaled(painting, Math.min(STYLE_SIDE / side, shrinking(info, painting))), info),
    alpha: new ort.Tensor('float32', [Number(alpha)], [1, 1]),
    strokes: new ort.Tensor('float32', [Number(strokes)], [1, 1]),
    ...(info.fixed ? {} : { grain: new ort.Tensor('float32', GRAIN, [1, 2]) }),
  });
  await writePicture(stylized, picture, out);
}

/** A file as interleaved RGB bytes, upright and in sRGB, and its alpha channel, or null. */
async function readPicture(path) {
  const file = sharp(path).autoOrient().toColourspace('srgb').raw();
  const { data, info } = await file.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const colours = channels - (channels === 2 || channels === 4);
  const rgb = Buffer.alloc(3 * width * height);
  const alpha = colours < channels ? Buffer.alloc(width * height) : null;
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      rgb[3 * pixel + channel] = data[pixel * channels + Math.min(channel, colours - 1)];
    }
    if (alpha) alpha[pixel] = data[pixel * channels + colours];
  }
  if (alpha) replaceHidden(rgb, alpha);
  return { rgb, alpha, width, height };
}

/** Give transparent pixels the mean colour of the others: nobody sees theirs, but the network does. */
function replaceHidden(rgb, alpha) {
  const total = [0, 0, 0];
  let seen = 0;
  for (let pixel = 0; pixel < alpha.length; pixel++) {
    if (alpha[pixel] === 0) continue;
    seen++;
    for (let channel = 0; channel < 3; channel++) total[channel] += rgb[3 * pixel + channel];
  }
  if (seen === 0) return;
  for (let pixel = 0; pixel < alpha.length; pixel++) {
    for (let channel = 0; channel < 3 && alpha[pixel] === 0; channel++) {
      rgb[3 * pixel + channel] = Math.round(total[channel] / seen);
    }
  }
}

/** A picture, shrunk by a factor; not changed where it is 1 or more. */
async function scaled({ rgb, alpha, width, height }, factor) {
  if (factor >= 1) return { rgb, alpha, width, height };
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.floor(side * factor + 0.5)));
  const resized = (data, channels) =>
    sharp(data, { raw: { width, height, channels } }).resize(columns, rows, { fit: 'fill' });
  return {
    rgb: await resized(rgb, 3).raw().toBuffer(),
    alpha: alpha && (await resized(alpha, 1).toColourspace('b-w').raw().toBuffer()),
    width: columns,
    height: rows,
  };
}

/** A picture as float32 (1, 3, H, W) in [0, 1]; its last row and column are repeated to sides that the graph takes. */
function tensor({ rgb, width, height }, info) {
  const { width: columns, height: rows } = fitting(info, { width, height });
  const planes = new Float32Array(3 * rows * columns);
  let index = 0;
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < rows; y++) {
      const row = Math.min(y, height - 1) * width;
      for (let x = 0; x < columns; x++) planes[index++] = rgb[3 * (row + Math.min(x, width - 1)) + channel] / 255;
    }
  }
  return new ort.Tensor('float32', planes, [1, 3, rows, columns]);
}

/** Write what the graph made of a picture, at its size and with its alpha channel; the suffix says the format. */
async function writePicture({ data, dims: [, , rows, columns] }, { alpha, width, height }, path) {
  const channels = alpha ? 4 : 3;
  const pixels = Buffer.alloc(channels * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = channels * (y * width + x);
      for (let channel = 0; channel < 3; channel++) {
        pixels[pixel + channel] = data[(channel * rows + y) * columns + x] * 255 + 0.5; // values are in [0, 1] already
      }
      if (alpha) pixels[pixel + 3] = alpha[y * width + x];
    }
  }
  await sharp(pixels, { raw: { width, height, channels } }).toFile(path);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
