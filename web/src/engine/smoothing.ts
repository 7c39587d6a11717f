// Smooths the content's statistics over the frames of a film, so that it does not flicker: adain/engine/smoothing.py.

import { type MapMoments, lerp } from './moments';

const SECONDS = 0.5; // in which the average covers 63 % of a sudden change
const LEAST = 1; // pixel of a map that a region must cover

export class Smoothing {
  private readonly averages = new Map<string, MapMoments[]>();
  private time = 0;
  private share = 1; // weight of the current frame

  /** Move to the next frame; a film that begins again is a new one. */
  advance(time: number): void {
    if (time < this.time) this.averages.clear();
    this.share = 1 - Math.exp(Math.min(this.time - time, 0) / SECONDS);
    this.time = time;
  }

  /** The moments to stylize the frame with. A region that is not in the frame leaves the average alone. */
  follow(key: string, own: MapMoments[]): MapMoments[] {
    const before = this.averages.get(key);
    if (Math.max(...own.map(({ count }) => count)) < LEAST) return before ?? own;
    const average = before ? lerp(before, own, this.share) : own;
    this.averages.set(key, average);
    return average;
  }
}
