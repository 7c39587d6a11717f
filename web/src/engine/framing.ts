// Framing and tiles of a picture, the same as in adain/engine/framing.py, tiles.py and canvas.py.

import { type Box, type Planes, type Source, fitting, picked } from './planes';

/** Sizes in pixels that the graphs `encode_content` and `decode` require, as the metadata has them. */
export interface Framing {
  multiple: number;
  minimum: number;
  encoder_band: number;
  decoder_band: number;
  margin: number;
  context: number;
}

/** A tile of a picture with its margin: what the network reads, and the part of it that is used. */
export interface Tile {
  window: Box;
  core: Box;
}

/** Cover a picture of `height` x `width` pixels, multiples of `multiple`, with windows of at most `side`. */
export function tiles(height: number, width: number, side: number, framing: Framing): Tile[] {
  const rows = spans(height, side, framing);
  const columns = spans(width, side, framing);
  return rows.flatMap(([top, coreTop, coreBottom, bottom]) =>
    columns.map(([left, coreLeft, coreRight, right]): Tile => ({
      window: [top, left, bottom, right],
      core: [coreTop, coreLeft, coreBottom, coreRight],
    })),
  );
}

/** The windows along one axis: begin, begin and end of the core, end. */
function spans(length: number, largest: number, framing: Framing): Box[] {
  const { multiple } = framing;
  const overlap = framing.encoder_band + framing.decoder_band;
  let side = Math.min(Math.floor(largest / multiple) * multiple, length);
  const count = side === length ? 1 : Math.ceil((length - 2 * overlap) / (side - 2 * overlap));
  side = Math.ceil((length + 2 * overlap * (count - 1)) / (count * multiple)) * multiple; // no larger than needed
  const begins = Array.from({ length: count }, (_, i) => Math.min(i * (side - 2 * overlap), length - side));
  const cuts = [0, ...begins.slice(1).map((begin) => begin + overlap), length];
  return begins.map((begin, i) => [begin, cuts[i], cuts[i + 1], begin + side]);
}

/** A tile's window of a framed picture, with `context` pixels around it: repeated to fit, then reflected. */
export function seen(source: Source, tile: Tile, framing: Framing, context: number): Planes {
  const [height, width] = [source.height, source.width].map((side) => fitting(side, framing.multiple, framing.minimum));
  const beyond = framing.margin + context;
  const [top, left] = [tile.window[0] - beyond, tile.window[1] - beyond];
  const [rows, columns] = [tile.window[2] - tile.window[0] + 2 * context, tile.window[3] - tile.window[1] + 2 * context];
  const read: Box = [
    Math.min(Math.max(top, 0), source.height - 1),
    Math.min(Math.max(left, 0), source.width - 1),
    Math.min(top + rows, source.height),
    Math.min(left + columns, source.width),
  ];
  // A reflection below or right of the window may need rows that lie before it; small pictures only.
  const mirrored = (end: number, side: number) => (end > side ? Math.max(2 * side - end - 1, 0) : side);
  read[0] = Math.min(read[0], mirrored(top + rows, height), source.height - 1);
  read[1] = Math.min(read[1], mirrored(left + columns, width), source.width - 1);
  if (top < 0) read[2] = Math.min(Math.max(read[2], 1 - top), source.height);
  if (left < 0) read[3] = Math.min(Math.max(read[3], 1 - left), source.width);
  const there = source.read(read);
  const place = (position: number, side: number, own: number, begin: number) => {
    const inside = position < 0 ? -position : position >= side ? 2 * side - 2 - position : position;
    return Math.min(inside, own - 1) - begin;
  };
  return picked(
    there,
    rows,
    columns,
    (y) => place(top + y, height, source.height, read[0]),
    (x) => place(left + x, width, source.width, read[1]),
  );
}

/** The part of a tile's core inside a picture, as a box in the picture and as a box in the tile's window. */
export function place({ window, core }: Tile, { margin }: Framing, height: number, width: number): { part: Box; inside: Box } {
  const [top, left] = [Math.max(core[0], margin), Math.max(core[1], margin)];
  const [bottom, right] = [Math.min(core[2], margin + height), Math.min(core[3], margin + width)];
  return {
    part: [top - margin, left - margin, bottom - margin, right - margin],
    inside: [top - window[0], left - window[1], bottom - window[0], right - window[1]],
  };
}
