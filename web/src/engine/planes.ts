// Pictures and masks as planes of floats, and the sources that give them in parts.

/** float32, channel by channel, row by row. */
export interface Planes {
  values: Float32Array;
  channels: number;
  height: number;
  width: number;
}

/** Part of a picture in pixels: top, left, bottom, right; the last two are exclusive. */
export type Box = [number, number, number, number];

/** A picture or masks to read in parts. */
export interface Source {
  height: number;
  width: number;
  read(part: Box): Planes;
}

/** A picture that is written in parts. */
export interface Target {
  height: number;
  width: number;
  write(part: Box, values: Planes): void;
}

export function planes(channels: number, height: number, width: number): Planes {
  return { values: new Float32Array(channels * height * width), channels, height, width };
}

/** The smallest multiple of `multiple` that holds `side`, and at least `minimum`. */
export function fitting(side: number, multiple: number, minimum = 0): number {
  return Math.max(Math.ceil(side / multiple) * multiple, minimum);
}

/** A picture's rows `rows(y)` and columns `columns(x)`: for padding by repeating or reflecting, and for cropping. */
export function picked(
  picture: Planes,
  height: number,
  width: number,
  row: (y: number) => number,
  column: (x: number) => number,
): Planes {
  const result = planes(picture.channels, height, width);
  const columns = Int32Array.from({ length: width }, (_, x) => column(x));
  let index = 0;
  for (let channel = 0; channel < picture.channels; channel++) {
    for (let y = 0; y < height; y++) {
      const start = (channel * picture.height + row(y)) * picture.width;
      for (let x = 0; x < width; x++) result.values[index++] = picture.values[start + columns[x]];
    }
  }
  return result;
}

/** Repeat the last row and column up to a height and width; a smaller height and width crop. */
export function repeated(picture: Planes, height: number, width: number): Planes {
  if (height === picture.height && width === picture.width) return picture;
  const [lastRow, lastColumn] = [picture.height - 1, picture.width - 1];
  return picked(picture, height, width, (y) => Math.min(y, lastRow), (x) => Math.min(x, lastColumn));
}

/** Part of a picture. */
export function cropped(picture: Planes, [top, left, bottom, right]: Box): Planes {
  return picked(picture, bottom - top, right - left, (y) => y + top, (x) => x + left);
}

/** A picture of floats in memory, to read and to write. */
export class Floats implements Source, Target {
  constructor(readonly picture: Planes) {}

  get height() {
    return this.picture.height;
  }

  get width() {
    return this.picture.width;
  }

  read(part: Box): Planes {
    const [top, left, bottom, right] = part;
    const whole = top === 0 && left === 0 && bottom === this.height && right === this.width;
    return whole ? this.picture : cropped(this.picture, part);
  }

  write([top, left]: Box, values: Planes): void {
    for (let channel = 0; channel < values.channels; channel++) {
      for (let y = 0; y < values.height; y++) {
        const from = (channel * values.height + y) * values.width;
        const to = (channel * this.height + top + y) * this.width + left;
        this.picture.values.set(values.values.subarray(from, from + values.width), to);
      }
    }
  }
}

/** A picture in 8 bits as a canvas has it, RGBA. */
export class Bytes implements Source, Target {
  constructor(readonly image: ImageData) {}

  get height() {
    return this.image.height;
  }

  get width() {
    return this.image.width;
  }

  read([top, left, bottom, right]: Box): Planes {
    const result = planes(3, bottom - top, right - left);
    const { data } = this.image;
    let index = 0;
    for (let channel = 0; channel < 3; channel++) {
      for (let y = top; y < bottom; y++) {
        const row = (y * this.width + left) * 4 + channel;
        for (let x = 0; x < result.width; x++) result.values[index++] = data[row + x * 4] / 255;
      }
    }
    return result;
  }

  /** Rounds to the nearest of 256 values, as Python does; leaves alpha alone. */
  write([top, left]: Box, { values, height, width }: Planes): void {
    const { data } = this.image;
    let index = 0;
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < height; y++) {
        const row = ((top + y) * this.width + left) * 4 + channel;
        for (let x = 0; x < width; x++) data[row + x * 4] = Math.floor(Math.fround(values[index++] * 255) + 0.5);
      }
    }
  }
}
