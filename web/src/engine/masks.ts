// Masks: how much each style counts at each pixel; as in adain/masking.py.

import { type Planes, planes } from './planes';

const FADE = 0.25; // sum of masks below which the content's own pixels blend in

/** Divide masks by their sum where it is above 1. */
export function shares(masks: Planes): Planes {
  const result = { ...masks, values: masks.values.slice() };
  const pixels = masks.height * masks.width;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const total = sum(masks, pixel, pixels);
    if (total > 1) for (let i = pixel; i < result.values.length; i += pixels) result.values[i] /= total;
  }
  return result;
}

/** One mask for each of `styles` labels at the size of a picture, scaled bilinearly; other labels are no style's. */
export function fromLabels(
  labels: { values: Uint8Array; height: number; width: number },
  styles: number,
  height: number,
  width: number,
): Planes {
  const result = planes(styles, height, width);
  const [rows, columns] = [weights(labels.height, height), weights(labels.width, width)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const [row, down] of rows[y]) {
        for (const [column, right] of columns[x]) {
          const label = labels.values[row * labels.width + column];
          if (label < styles) result.values[(label * height + y) * width + x] += down * right;
        }
      }
    }
  }
  return result;
}

/** Put the content's own pixels into a stylized picture where no mask applies. */
export function putBack(stylized: ImageData, content: ImageData, masks: Planes): void {
  const pixels = masks.height * masks.width;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const shown = Math.min(sum(masks, pixel, pixels) / FADE, 1);
    if (shown === 1) continue;
    for (let i = pixel * 4; i < pixel * 4 + 3; i++) {
      stylized.data[i] = content.data[i] + shown * (stylized.data[i] - content.data[i]) + 0.5;
    }
  }
}

function sum({ values }: Planes, pixel: number, pixels: number): number {
  let total = 0;
  for (let i = pixel; i < values.length; i += pixels) total += values[i];
  return total;
}

/** For each pixel of a longer side, the one or two pixels of the shorter side that it lies between. */
function weights(from: number, to: number): [number, number][][] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const before = Math.floor(position);
    const share = position - before;
    return share ? [[before, 1 - share], [before + 1, share]] : [[before, 1]];
  });
}
