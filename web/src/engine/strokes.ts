// Drafts: sizes, shares, grain and resizing, the same as in adain/engine/strokes.py, which says why.

import { type Box, type Planes, type Source, cropped, fitting, planes, repeated } from './planes';
import { raw } from './random';
import { resized } from './resize';

const [UP, DOWN] = [3, 8]; // the side of a draft over that of its picture
const GRAIN = 4 / 255; // standard deviation of the grain, of a picture in [0, 1]
const TILE = 256; // side of the grain's tile in pixels
const STRIP = 16; // width of the strips that it is cut into where a copy is larger
const STEPS = 32; // levels of the tile's values per standard deviation
const FULL = 0.5; // of strokes: all of the draft is used
const LOST = 0.8; // share of the lost detail that is left out, per strokes up to FULL
const COARSEST = 200; // pixels, near the shorter side of the smallest draft
const SMALLEST = 12; // pixels of a draft's shorter side
const BAND = 512; // rows that are shrunk at once, a multiple of DOWN

type Size = Pick<Source, 'height' | 'width'>;

/** Share of the draft in its revision, and of the lost detail that is given back; with alpha 0 all is given back. */
export function shares(strokes: number, alpha: number): { share: number; detail: number } {
  const used = Math.min(strokes, FULL);
  return { share: used / FULL, detail: 1 - alpha * LOST * used };
}

/** Share of one further, smaller draft, in [0, 1]; 0 where it would be too small. */
export function broadness(strokes: number, { height, width }: Size): number {
  for (let i = draftCount({ height, width }); i > 0; i--) [height, width] = [height, width].map(draftSide);
  return canBeDrafted({ height, width }) ? Math.max(0, strokes - FULL) / (1 - FULL) : 0;
}

export const FULL_STROKES = FULL;

/** The number of drafts that bring the shorter side near 200 px; none where one would be too small. */
export function draftCount({ height, width }: Size): number {
  const usual = Math.max(1, Math.round(Math.log(Math.min(height, width) / COARSEST) / Math.log(DOWN / UP)));
  return canBeDrafted({ height, width }) ? usual : 0;
}

function canBeDrafted({ height, width }: Size): boolean {
  return draftSide(Math.min(height, width)) >= SMALLEST;
}

function draftSide(side: number): number {
  return (fitting(side, DOWN) / DOWN) * UP;
}

/** A picture or masks at the size of a draft. */
export function shrunk(source: Source): Planes {
  const [height, width] = [source.height, source.width].map(draftSide);
  let result: Planes | null = null;
  for (let top = 0; top < source.height; top += BAND) {
    const begin = Math.max(top - DOWN, 0);
    const end = Math.min(top + BAND, source.height);
    const read = source.read([begin, 0, Math.min(end + DOWN, source.height), source.width]);
    const band = resized(padded(read), UP, DOWN);
    const [first, last] = [top, end].map((row) => (fitting(row - begin, DOWN) / DOWN) * UP);
    result ??= planes(band.channels, height, width);
    for (let channel = 0; channel < band.channels; channel++) {
      const from = (channel * band.height + first) * width;
      const rows = band.values.subarray(from, from + (last - first) * width);
      result.values.set(rows, (channel * height + (top / DOWN) * UP) * width);
    }
  }
  return result!;
}

/**
 * A draft enlarged, with some of the content's detail: what a revision stylizes. Composed when it is read, in [0, 1] and
 * `room` beyond, because a white sky would lose half of the grain in the content.
 */
export class Composed implements Source {
  readonly height: number;
  readonly width: number;
  private readonly coarse: Planes;
  private readonly fine: number;

  constructor(
    private readonly content: Source,
    copy: Planes,
    draft: Planes,
    { share, detail }: { share: number; detail: number },
    private readonly room: number,
  ) {
    [this.height, this.width] = [content.height, content.width].map((side) => fitting(side, DOWN));
    this.fine = 1 - share + share * detail;
    const values = draft.values.map((value, index) => share * (clip(value) - detail * copy.values[index]));
    this.coarse = { ...draft, values };
  }

  read([top, left, bottom, right]: Box): Planes {
    const [above, before] = [top, left].map((side) => Math.floor(side / DOWN) * DOWN);
    const [below, beyond] = [bottom, right].map((side) => fitting(side, DOWN));
    const { height, width } = this.content;
    const content = padded(this.content.read([above, before, Math.min(below, height), Math.min(beyond, width)]));
    const result = enlarged(this.coarse, [above, before, below, beyond]);
    for (let i = 0; i < result.values.length; i++) {
      const value = result.values[i] + this.fine * content.values[i];
      result.values[i] = Math.min(Math.max(value, -this.room), 1 + this.room);
    }
    return cropped(result, [top - above, left - before, bottom - above, right - before]);
  }
}

/** Part of a picture enlarged; the part is in pixels of the result, in multiples of 8. */
function enlarged(picture: Planes, part: Box): Planes {
  const [top, left, bottom, right] = part.map((side) => side / DOWN);
  const [begin, first] = [Math.max(top - 1, 0), Math.max(left - 1, 0)];
  const [end, last] = [Math.min(bottom + 1, picture.height / UP), Math.min(right + 1, picture.width / UP)];
  const seen = cropped(picture, [begin * UP, first * UP, end * UP, last * UP]);
  const [above, before] = [(top - begin) * DOWN, (left - first) * DOWN];
  const box: Box = [above, before, above + (bottom - top) * DOWN, before + (right - left) * DOWN];
  return cropped(resized(seen, DOWN, UP), box);
}

/** A copy with grain, cut from a tile. */
export function grainy(copy: Planes, tile: Int8Array, seed: number, share: number): Planes {
  const [row, column] = raw(seed, 2).map((number) => Number(number % BigInt(TILE)));
  const result = planes(copy.channels, copy.height, copy.width);
  const strength = Math.fround((share * GRAIN) / STEPS);
  const columns = Array.from({ length: copy.width }, (_, x) => cell(x, column));
  let index = 0;
  for (let channel = 0; channel < copy.channels; channel++) {
    for (let y = 0; y < copy.height; y++) {
      const start = (channel * TILE + cell(y, row)) * TILE;
      for (let x = 0; x < copy.width; x++, index++) {
        result.values[index] = copy.values[index] + strength * tile[start + columns[x]];
      }
    }
  }
  return result;
}

/** The row or column of the tile that a row or column of a copy takes its grain from: nothing repeats. */
function cell(place: number, begin: number): number {
  const [strip, tiles] = [STRIP, TILE].map((side) => Math.floor(place / side));
  const shift = tiles ? 8 * (3 * strip * (strip + tiles + 3) + 5 * tiles * tiles) : 0;
  return (place + begin + shift) % TILE;
}

function padded(picture: Planes): Planes {
  return repeated(picture, fitting(picture.height, DOWN), fitting(picture.width, DOWN));
}

function clip(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
