// Resizing as Pillow does it (Resample.c): the same kernels, supports and order, so that drafts and styles are Python's.

import { type Planes, cropped, picked, planes } from './planes';

interface Kernel {
  support: number; // pixels
  at(x: number): number;
}

const A = -0.5; // of the bicubic kernel, as Pillow has it

const BICUBIC: Kernel = {
  support: 2,
  at(x) {
    const away = Math.abs(x);
    if (away < 1) return ((A + 2) * away - (A + 3)) * away * away + 1;
    return away < 2 ? (((away - 5) * away + 8) * away - 4) * A : 0;
  },
};

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const LANCZOS: Kernel = { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) };

/** Weights of the pixels from `begin` on, for one pixel of the result. */
interface Taps {
  begin: number;
  weights: Float64Array;
}

/** What a sum of 8-bit values becomes; Pillow does this after each direction. */
const toByte = (value: number) => Math.min(Math.max(Math.floor(value + 0.5), 0), 255);
const unchanged = (value: number) => value;

/** Resize by `up / down`, bicubic; pixels beyond the edge repeat it. Sides are multiples of `down`. */
export function resized(picture: Planes, up: number, down: number): Planes {
  const [height, width] = [picture.height, picture.width];
  const beyond = (side: number) => (position: number) => Math.min(Math.max(position - down, 0), side - 1);
  const around = picked(picture, height + 2 * down, width + 2 * down, beyond(height), beyond(width));
  const [rows, columns] = [(height / down) * up, (width / down) * up];
  const result = scaled(around, rows + 2 * up, columns + 2 * up, BICUBIC, unchanged);
  return cropped(result, [up, up, up + rows, up + columns]);
}

/** Scale a picture of [0, 1] that was 8 bits so that its shorter side is `size`, with Lanczos' kernel, to 8 bits. */
export function scaledDown(picture: Planes, size: number): Planes {
  const shorter = Math.min(picture.height, picture.width);
  if (shorter <= size) return picture;
  const [height, width] = [picture.height, picture.width].map((side) => Math.floor((2 * side * size + shorter) / (2 * shorter)));
  const levels = { ...picture, values: picture.values.map((value) => Math.round(value * 255)) };
  const result = scaled(levels, height, width, LANCZOS, toByte);
  return { ...result, values: result.values.map((value) => value / 255) };
}

function scaled(picture: Planes, height: number, width: number, kernel: Kernel, round: (value: number) => number): Planes {
  return vertical(horizontal(picture, taps(picture.width, width, kernel), round), taps(picture.height, height, kernel), round);
}

function taps(from: number, to: number, { support, at }: Kernel): Taps[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const center = (index + 0.5) * scale;
    const begin = Math.max(Math.trunc(center - support * stretch + 0.5), 0);
    const end = Math.min(Math.trunc(center + support * stretch + 0.5), from);
    const weights = Float64Array.from({ length: end - begin }, (_, i) => at((begin + i - center + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { begin, weights: weights.map((weight) => weight / total) };
  });
}

function horizontal({ values, channels, height, width }: Planes, taps: Taps[], round: (value: number) => number): Planes {
  const result = planes(channels, height, taps.length);
  let index = 0;
  for (let row = 0; row < channels * height; row++) {
    for (const { begin, weights } of taps) {
      const start = row * width + begin;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * values[start + i];
      result.values[index++] = round(sum);
    }
  }
  return result;
}

function vertical({ values, channels, height, width }: Planes, taps: Taps[], round: (value: number) => number): Planes {
  const result = planes(channels, taps.length, width);
  const sums = new Float64Array(width);
  let index = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (const { begin, weights } of taps) {
      sums.fill(0);
      for (let i = 0; i < weights.length; i++) {
        const row = (channel * height + begin + i) * width;
        for (let x = 0; x < width; x++) sums[x] += weights[i] * values[row + x];
      }
      for (let x = 0; x < width; x++) result.values[index++] = round(sums[x]);
    }
  }
  return result;
}
