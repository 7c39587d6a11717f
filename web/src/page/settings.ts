// What the visitor has set, how a point mixes styles, and the link that holds the settings.

export const MOST_STYLES = 4;
export const ORIGINAL = 255; // label of the pixels that no style covers

/** A painted map of the styles: for each pixel the position of its style among the chosen ones. */
export interface Labels {
  values: Uint8Array;
  height: number;
  width: number;
}

export interface Settings {
  chosen: string[]; // names of up to four styles
  point: [number, number]; // between the styles, from the upper left
  alpha: number;
  strokes: number;
  seed: number;
  keepColours: boolean;
  painting: boolean; // labels decide, not the point
  labels: Labels | null; // null: the first style everywhere
}

export const START: Settings = {
  chosen: [],
  point: [0.5, 0.5],
  alpha: 1,
  strokes: 0.5,
  seed: 0,
  keepColours: false,
  painting: false,
  labels: null,
};

/** The chosen styles with one more, the last of four at most. */
export function added(chosen: string[], name: string): string[] {
  return [...chosen.filter((each) => each !== name), name].slice(-MOST_STYLES);
}

/** Share of each style at a point: two lie on a line, three in a triangle with its top in the middle, four in a square. */
export function sharesAt([x, y]: [number, number], styles: number): number[] {
  if (styles < 2) return [1];
  if (styles === 2) return [1 - x, x];
  if (styles === 4) return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const right = x - (1 - y) / 2;
  const all = [1 - y, y - right, right].map((share) => Math.max(share, 0));
  const total = all.reduce((sum, share) => sum + share);
  return all.map((share) => share / total);
}

/** The settings as the part of a link after `#`; pictures, own styles and paint are not in it. */
export function toLink(settings: Settings, known: string[]): string {
  const { alpha, strokes, seed, keepColours, point } = settings;
  const chosen = settings.chosen.filter((name) => known.includes(name));
  const entries = { styles: chosen.join(), point: point.map((each) => each.toFixed(3)).join(), alpha, strokes, seed };
  return new URLSearchParams({
    ...Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, String(value)])),
    ...(keepColours ? { colours: 'kept' } : {}),
  }).toString();
}

/** The settings in a link; what is missing or not allowed stays as it starts. */
export function fromLink(hash: string, known: string[]): Settings {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const number = (text: string | null | undefined, otherwise: number, most: number) => {
    const value = Number(text);
    return text && value >= 0 && value <= most ? value : otherwise;
  };
  const names = (given.get('styles') ?? '').split(',').filter((name) => known.includes(name));
  const [x, y] = (given.get('point') ?? '').split(',');
  return {
    ...START,
    chosen: [...new Set(names)].slice(0, MOST_STYLES),
    point: [number(x, START.point[0], 1), number(y, START.point[1], 1)],
    alpha: number(given.get('alpha'), START.alpha, 1),
    strokes: number(given.get('strokes'), START.strokes, 1),
    seed: Math.floor(number(given.get('seed'), START.seed, 2 ** 32 - 1)),
    keepColours: given.get('colours') === 'kept',
  };
}
