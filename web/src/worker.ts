// All computing: one picture, its stylized copy, and the network. The page calls this through Comlink.

import { expose, transfer } from 'comlink';
import { Backend } from './engine/backend';
import { mix, readCode, writeCode } from './engine/codes';
import { keepColours } from './engine/colour';
import { fromLabels, putBack } from './engine/masks';
import { Bytes } from './engine/planes';
import { scaledDown } from './engine/resize';
import { type Device, bestDevice, fetched, threads } from './engine/runtime';
import { Smoothing } from './engine/smoothing';
import { type Settings, stylize } from './engine/stylize';

const PREVIEW = 320; // pixels, shorter side
const STYLE = 512; // pixels, shorter side that a style is scaled down to, as Python does
const READ = 2048; // pixels, shorter side at which the browser reads a larger style

/** What the page asks for. */
export interface Job extends Settings {
  codes: Float32Array[];
  shares: number[]; // of a mix; sum to 1
  labels: { values: Uint8Array; height: number; width: number } | null; // which code goes where, in place of the mix
  keepColours: boolean;
  preview: boolean;
  time?: number; // seconds, of a film's frame: statistics are smoothed over the frames
}

export interface Loaded {
  device: Device;
  threads: number;
  fallback: string | null; // why WebGPU is not used although the browser has it
}

let base = '';
let backend: Backend;
let grain: Int8Array;
let content: ImageData | null = null;
let preview: ImageData | null = null;
let result: ImageData | null = null;
const smoothing = new Smoothing();
let latest = 0; // number of the job that is wanted
let running: Promise<unknown> = Promise.resolve(); // a session takes one run at a time

const api = {
  /** Load the network; on WebGPU where it works, else in WebAssembly. */
  async load(url: string, wanted: Device | null): Promise<Loaded> {
    base = url;
    grain = new Int8Array((await fetched(new URL('graphs/grain.bin', base))).buffer);
    return open(wanted ?? (await bestDevice()));
  },

  /** Take a picture; returns its size. */
  async take(picture: Blob | ImageData): Promise<{ width: number; height: number }> {
    const image = picture instanceof ImageData ? picture : await pixels(picture, Infinity);
    [content, preview, result] = [image, await smaller(image, PREVIEW), null];
    return { width: image.width, height: image.height };
  },

  /** The code of a style picture. */
  async encode(picture: Blob): Promise<Float32Array> {
    const image = new Bytes(await pixels(picture, READ));
    const style = scaledDown(image.read([0, 0, image.height, image.width]), STYLE);
    return alone(() => backend.encodeStyle(style));
  },

  async readCode(file: Blob): Promise<Float32Array> {
    return readCode(new Uint8Array(await file.arrayBuffer()), await backend.info());
  },

  async writeCode(codes: Float32Array[], shares: number[]): Promise<Blob> {
    return new Blob([writeCode(mix(codes, shares), await backend.info()) as BlobPart]);
  },

  /** Stylize the picture, or a frame; null if another job came meanwhile. A later call ends an earlier one. */
  async stylize(job: Job, progress: (done: number) => void, frame?: ImageData): Promise<ImageData | null> {
    const own = ++latest;
    const picture = frame ?? (job.preview ? preview : content);
    if (!picture) return null;
    const step = async (done: number) => {
      progress(done);
      await new Promise((resolve) => setTimeout(resolve)); // lets other calls in
      if (own !== latest) throw new Outdated();
    };
    try {
      const stylized = await alone(() => step(0).then(() => made(picture, job, step)));
      if (!frame && !job.preview) result = stylized;
      const shown = stylized.data.slice();
      return transfer(new ImageData(shown, stylized.width, stylized.height), [shown.buffer]);
    } catch (error) {
      if (error instanceof Outdated) return null;
      throw error;
    }
  },

  /** Go on in WebAssembly, after WebGPU has failed. */
  fallBack: (reason: string): Promise<Loaded> => open('wasm', reason),

  /** The last full picture as a file. */
  async save(type: string): Promise<Blob> {
    if (!result) throw new Error('there is no stylized picture yet');
    const canvas = new OffscreenCanvas(result.width, result.height);
    const context = canvas.getContext('2d')!;
    context.putImageData(result, 0, 0);
    if (type === 'image/jpeg') {
      context.globalCompositeOperation = 'destination-over'; // JPEG has no transparency: white behind it
      context.fillStyle = 'white';
      context.fillRect(0, 0, result.width, result.height);
    }
    return canvas.convertToBlob({ type, quality: 0.95 });
  },
};

export type Api = typeof api;

class Outdated extends Error {}

/** Run something once what runs now has ended. */
function alone<T>(work: () => Promise<T>): Promise<T> {
  const own = running.then(work, work);
  running = own;
  return own;
}

async function open(device: Device, fallback: string | null = null): Promise<Loaded> {
  try {
    backend = await Backend.load(device, base);
    await backend.info();
  } catch (error) {
    if (device === 'wasm') throw error;
    return open('wasm', String(error));
  }
  return { device, threads: threads(), fallback };
}

async function made(picture: ImageData, job: Job, step: (done: number) => Promise<void>): Promise<ImageData> {
  const { labels, codes } = job;
  const masks = labels && fromLabels(labels, codes.length, picture.height, picture.width);
  const styles = { codes: masks ? codes : [mix(codes, job.shares)], masks };
  if (job.time !== undefined) smoothing.advance(job.time);
  const follow = job.time === undefined ? undefined : smoothing.follow.bind(smoothing);
  const stylized = await stylize(backend, picture, styles, job, grain, step, follow);
  if (job.keepColours) keepColours(stylized, picture);
  if (masks) putBack(stylized, picture, masks);
  return stylized;
}

/** A picture file's pixels, upright and in sRGB, with the shorter side at most `size`. */
async function pixels(file: Blob, size: number): Promise<ImageData> {
  return drawn(await createImageBitmap(file, { premultiplyAlpha: 'none' }), size);
}

async function smaller(image: ImageData, size: number): Promise<ImageData> {
  return Math.min(image.width, image.height) > size ? drawn(await createImageBitmap(image), size) : image;
}

function drawn(bitmap: ImageBitmap, size: number): ImageData {
  const scale = Math.min(1, size / Math.min(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

expose(api);
