// Stylizes pictures in a browser with a graph that `adain export MODEL -o DIR` wrote. This is the part to copy.

import { GRAIN, checkWhole, fitting, readMetadata, shrinking } from './metadata.js';

/** The devices this browser has, the fastest first: `webgpu` where there is one, and `wasm` always. */
export async function devices() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return adapter ? ['webgpu', 'wasm'] : ['wasm'];
}

export class Stylizer {
  /**
   * @param {Uint8Array} bytes MODEL.onnx
   * @param {'wasm' | 'webgpu'} device
   * @param {{strict?: boolean}} options strict: an error, not the CPU, for an operator that the device lacks
   */
  static async load(bytes, device, { strict = false } = {}) {
    const info = readMetadata(bytes);
    checkWhole(info);
    // Two builds, of which only the second has WebGPU: plain wasm is the smaller download.
    const ort = await (device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'));
    ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: [device],
      logSeverityLevel: 3,
      extra: { session: { disable_cpu_ep_fallback: strict ? '1' : '0' } },
    });
    return new Stylizer(ort, session, info);
  }

  constructor(ort, session, info) {
    Object.assign(this, { ort, session, info });
  }

  /**
   * @param {ImageBitmap} content
   * @param {ImageBitmap} style
   * @param {{alpha?: number, strokes?: number}} strengths of the style, and of a coarse draft in it; from 0 to 1
   * @param {{size?: number, styleSize?: number}} limits shorter sides in pixels; larger pictures are shrunk to them
   * @returns {Promise<ImageData>} of the content's size, or what it was shrunk to
   */
  async stylize(content, style, { alpha = 1, strokes = 0.5 } = {}, { size = Infinity, styleSize = 512 } = {}) {
    const pixels = read(content, ...this.shrunk(content, size));
    const [styleWidth, styleHeight] = this.shrunk(style, styleSize);
    const resized = fitting(this.info, { width: styleWidth, height: styleHeight });
    const { stylized } = await this.session.run({
      content: this.tensor(pixels, fitting(this.info, pixels)),
      style: this.tensor(read(style, resized.width, resized.height), resized),
      alpha: new this.ort.Tensor('float32', [alpha], [1, 1]),
      strokes: new this.ort.Tensor('float32', [strokes], [1, 1]),
      ...(this.info.fixed ? {} : { grain: new this.ort.Tensor('float32', GRAIN, [1, 2]) }),
    });
    const picture = toImageData(await stylized.getData(), stylized.dims, pixels.width, pixels.height);
    stylized.dispose();
    return picture;
  }

  /** ImageData as float32 (1, 3, height, width) in [0, 1]; its last row and column are repeated to fill that. */
  tensor({ data, width: own, height: ownHeight }, { width, height }) {
    const planes = new Float32Array(3 * width * height);
    let index = 0;
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < height; y++) {
        const row = Math.min(y, ownHeight - 1) * own;
        for (let x = 0; x < width; x++) planes[index++] = data[(row + Math.min(x, own - 1)) * 4 + channel] / 255;
      }
    }
    return new this.ort.Tensor('float32', planes, [1, 3, height, width]);
  }

  /** Width and height of a picture whose shorter side is `size` at most, and that goes into the graph. */
  shrunk({ width, height }, size) {
    const scale = Math.min(1, size / Math.min(width, height), shrinking(this.info, { width, height }));
    return [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  }
}

/** A picture's pixels, resized. */
function read(bitmap, width, height) {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The upper left `width` x `height` pixels of float32 (1, 3, H, W) in [0, 1]. */
function toImageData(planes, [, , fullHeight, fullWidth], width, height) {
  const picture = new ImageData(width, height);
  const plane = fullHeight * fullWidth;
  for (let y = 0, index = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * fullWidth + x;
      for (let channel = 0; channel < 3; channel++) picture.data[index++] = planes[channel * plane + pixel] * 255;
      picture.data[index++] = 255;
    }
  }
  return picture; // whose Uint8ClampedArray rounds
}
