// From a picture and style codes to a stylized picture: the loop of adain/engine/loop.py, in drafts and in tiles.

import type { Backend, Maps } from './backend';
import { type Framing, type Tile, place, seen, tiles } from './framing';
import { shares as sharesOf } from './masks';
import { type MapMoments, merge, ofRegion, statistics } from './moments';
import { type Box, Bytes, Floats, type Planes, type Source, type Target, cropped, fitting, planes, repeated } from './planes';
import { Composed, FULL_STROKES, broadness, draftCount, grainy, shares, shrunk } from './strokes';

const WHOLE = 1.5e6; // pixels that run at once: 190 bytes each
const SIDE = 1024; // of tiles, in pixels
const KEPT = 256e6; // bytes; limit for the maps that are kept between encoding and decoding

/** Codes of the styles: one for the whole picture, or one per mask. */
export interface Styles {
  codes: Float32Array[];
  masks: Planes | null;
}

export interface Settings {
  alpha: number; // strength of the style, in [0, 1]
  strokes: number; // how much of coarse drafts goes into the picture, in [0, 1]
  seed: number; // of the grain
  tile?: number; // side of the tiles in pixels; 0: never; otherwise only for large pictures
}

/** Replaces a frame's moments by smoothed ones; the key names the copy of the picture and the region. */
export type Follow = (key: string, moments: MapMoments[]) => MapMoments[];

/** Called between steps with the share that is done; throws to end the call. */
export type Step = (done: number) => Promise<void>;

/** Stylize a picture; `grain` is the grain's tile. The result has the content's alpha. */
export async function stylize(
  backend: Backend,
  picture: ImageData,
  styles: Styles,
  settings: Settings,
  grain: Int8Array,
  step: Step,
  follow?: Follow,
): Promise<ImageData> {
  const result = new Bytes(new ImageData(new Uint8ClampedArray(picture.data), picture.width, picture.height));
  await new Levels(backend, settings, grain, step, follow).run(new Bytes(picture), result, styles);
  return result.image;
}

class Levels {
  private done = 0;
  private total = 1;

  constructor(
    private readonly backend: Backend,
    private readonly settings: Settings,
    private readonly grain: Int8Array,
    private readonly step: Step,
    private readonly follow?: Follow,
  ) {}

  /** From the smallest copy of the picture to the picture itself. */
  async run(picture: Source, target: Target, styles: Styles): Promise<void> {
    const { alpha, strokes } = this.settings;
    const usual = strokes > 0 ? draftCount(picture) : 0;
    const broad = broadness(strokes, picture);
    const contents: Source[] = [picture];
    const every = [styles];
    const copies: Planes[] = [];
    for (let i = 0; i < usual + (broad > 0 ? 1 : 0); i++) {
      copies.push(shrunk(contents[i]));
      contents.push(new Floats(copies[i]));
      every.push({ ...styles, masks: every[i].masks && clipped(shrunk(new Floats(every[i].masks!))) });
    }
    this.total = contents.reduce((sum, { height, width }) => sum + height * width, 0);
    let source: Source = copies.length ? this.grainy(copies[copies.length - 1], 1) : picture;
    for (let level = copies.length; level > 0; level--) {
      let [content, share] = [contents[level - 1], strokes];
      if (level > usual) {
        // The further draft replaces the grain of the one that is otherwise the smallest.
        content = this.grainy(copies[level - 2], 1 - broad);
        share = broad * FULL_STROKES;
      }
      const copy = copies[level - 1];
      const draft = new Floats(planes(3, copy.height, copy.width));
      await this.level(source, draft, every[level], level);
      source = new Composed(content, copy, draft.picture, shares(share, alpha), level > usual ? 1 - broad : 0);
    }
    await this.level(source, target, styles, 0);
  }

  private grainy(copy: Planes, share: number): Source {
    const { alpha, seed } = this.settings;
    return new Floats(grainy(copy, this.grain, seed, share * alpha));
  }

  private async level(source: Source, target: Target, styles: Styles, level: number): Promise<void> {
    const pixels = source.height * source.width;
    const { tile } = this.settings;
    const side = tile ?? (pixels > WHOLE ? SIDE : 0);
    if (side && Math.max(source.height, source.width) > side) return this.tiled(source, target, styles, side, level);
    if (this.follow) return this.tiled(source, target, styles, Infinity, level);
    const content = source.read([0, 0, source.height, source.width]);
    const stylized = await this.backend.level(content, styles.codes, masksFor(styles, source), this.settings.alpha);
    target.write([0, 0, target.height, target.width], cropped(stylized, [0, 0, target.height, target.width]));
    await this.advance(pixels);
  }

  /** Encode all tiles, merge their moments, and decode each with the merged ones: there are no seams. */
  private async tiled(source: Source, target: Target, styles: Styles, side: number, level: number): Promise<void> {
    const { framing, maps: fused } = await this.backend.framing();
    const [height, width] = [source.height, source.width].map((each) => fitting(each, framing.multiple, framing.minimum));
    const parts = tiles(height + 2 * framing.margin, width + 2 * framing.margin, side, framing);
    const pixels = (source.height * source.width) / (2 * parts.length); // that each half of a tile stands for
    const kept = new Map<Tile, Maps>();
    let room = KEPT;
    let total: MapMoments[][] = [];
    for (const tile of parts) {
      const { maps, moments } = await this.encode(source, styles, tile, framing);
      total = total.length ? total.map((each, index) => merge(each, moments[index])) : moments;
      room -= bytes(maps);
      if (room >= 0) kept.set(tile, maps);
      await this.advance(pixels);
    }
    const { follow } = this;
    const found = follow ? total.map((each, region) => follow(`${level}.${region}`, each)) : total;
    const all = found[found.length - 1];
    const rows = [...found.slice(0, -1).map((region) => ofRegion(region, all)), all].map((each) => statistics(each, fused));
    for (const tile of parts) {
      const maps = kept.get(tile) ?? (await this.encode(source, styles, tile, framing)).maps;
      kept.delete(tile);
      const masks = styles.masks && seen(new Floats(styles.masks), tile, framing, 0);
      const output = await this.backend.decode(maps, rows, styles.codes, masks, this.settings.alpha);
      const { part, inside } = place(tile, framing, target.height, target.width);
      target.write(part, cropped(output, inside));
      await this.advance(pixels);
    }
  }

  private async encode(source: Source, styles: Styles, tile: Tile, framing: Framing) {
    const [height, width] = [source.height, source.width].map((side) => fitting(side, framing.multiple, framing.minimum));
    const { inside } = place(tile, framing, height, width);
    const regions = styles.masks && sharesOf(seen(new Floats(styles.masks), tile, framing, 0));
    const [rows, columns] = [tile.window[2] - tile.window[0], tile.window[3] - tile.window[1]];
    return this.backend.encode(seen(source, tile, framing, framing.context), counted(regions, rows, columns, inside));
  }

  private async advance(pixels: number): Promise<void> {
    this.done += pixels;
    await this.step(this.done / this.total);
  }
}

/** The masks of a tile within the box that counts, and last that box itself. */
function counted(regions: Planes | null, height: number, width: number, [top, left, bottom, right]: Box): Planes {
  const count = regions?.channels ?? 0;
  const result = planes(count + 1, height, width);
  for (let region = 0; region <= count; region++) {
    for (let y = top; y < bottom; y++) {
      const row = (region * height + y) * width;
      if (region === count) result.values.fill(1, row + left, row + right);
      else result.values.set(regions!.values.subarray(row + left, row + right), row + left);
    }
  }
  return result;
}

/** Masks padded to the size of a copy that is padded to multiples of 8. */
function masksFor({ masks }: Styles, { height, width }: Source): Planes | null {
  return masks && repeated(masks, height, width);
}

function clipped(masks: Planes): Planes {
  return { ...masks, values: masks.values.map((value) => Math.min(Math.max(value, 0), 1)) };
}

function bytes(maps: Maps): number {
  return Object.values(maps).reduce((sum, map) => sum + (map.data as Float32Array).byteLength, 0);
}
