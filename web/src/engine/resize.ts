// Bicubic resizing as Pillow does it (Resample.c): the same kernel, support and order, so that drafts are Python's.

import { type Planes, planes } from './planes';

const A = -0.5; // of the bicubic kernel, as Pillow has it
const SUPPORT = 2; // pixels

interface Taps {
  offset: number; // of the first pixel, from the block that the result's pixel lies in
  weights: Float64Array;
}

/** Resize by `up / down`; pixels beyond the edge repeat it. Sides are multiples of `down`. */
export function resized(picture: Planes, up: number, down: number): Planes {
  const taps = kernels(up, down);
  return vertical(horizontal(picture, up, down, taps), up, down, taps);
}

function cubic(x: number): number {
  const away = Math.abs(x);
  if (away < 1) return ((A + 2) * away - (A + 3)) * away * away + 1;
  if (away < 2) return (((away - 5) * away + 8) * away - 4) * A;
  return 0;
}

/** The kernels of `up` neighbouring pixels; they repeat after that. */
function kernels(up: number, down: number): Taps[] {
  const scale = down / up;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: up }, (_, phase) => {
    const center = (phase + 0.5) * scale;
    const offset = Math.floor(center - SUPPORT * stretch + 0.5);
    const end = Math.floor(center + SUPPORT * stretch + 0.5);
    const weights = Float64Array.from({ length: end - offset }, (_, i) => cubic((offset + i - center + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { offset, weights: weights.map((weight) => weight / total) };
  });
}

function horizontal({ values, channels, height, width }: Planes, up: number, down: number, taps: Taps[]): Planes {
  const result = planes(channels, height, (width / down) * up);
  for (let row = 0; row < channels * height; row++) {
    for (let x = 0; x < result.width; x++) {
      const { offset, weights } = taps[x % up];
      const begin = Math.floor(x / up) * down + offset;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) {
        sum += weights[i] * values[row * width + Math.min(Math.max(begin + i, 0), width - 1)];
      }
      result.values[row * result.width + x] = sum;
    }
  }
  return result;
}

function vertical({ values, channels, height, width }: Planes, up: number, down: number, taps: Taps[]): Planes {
  const result = planes(channels, (height / down) * up, width);
  const sums = new Float64Array(width);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < result.height; y++) {
      const { offset, weights } = taps[y % up];
      const begin = Math.floor(y / up) * down + offset;
      sums.fill(0);
      for (let i = 0; i < weights.length; i++) {
        const row = (channel * height + Math.min(Math.max(begin + i, 0), height - 1)) * width;
        for (let x = 0; x < width; x++) sums[x] += weights[i] * values[row + x];
      }
      result.values.set(sums, (channel * result.height + y) * width);
    }
  }
  return result;
}
