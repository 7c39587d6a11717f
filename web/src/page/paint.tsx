// Paints where each style goes: a map of labels over the picture, with a round brush.

import { useEffect, useRef, useState } from 'preact/hooks';
import { type Labels, ORIGINAL } from './settings';
import { text } from './strings';

export const COLOURS = ['#d1495b', '#2f6690', '#3a7d44', '#8d5a97']; // of the labels, over the picture
const SIDE = 512; // pixels, longer side of the map

/** The map before anything is painted: the first style everywhere. */
export function blank({ width, height }: { width: number; height: number }): Labels {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  return { values: new Uint8Array(columns * rows), width: columns, height: rows };
}

function dab(labels: Labels, x: number, y: number, radius: number, label: number): void {
  for (let row = Math.max(0, Math.ceil(y - radius)); row <= Math.min(labels.height - 1, y + radius); row++) {
    const half = Math.sqrt(radius ** 2 - (row - y) ** 2);
    const [begin, end] = [Math.max(0, Math.ceil(x - half)), Math.min(labels.width, Math.floor(x + half) + 1)];
    if (end > begin) labels.values.fill(label, row * labels.width + begin, row * labels.width + end);
  }
}

function draw(canvas: HTMLCanvasElement, { values, width, height }: Labels): void {
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  const pixels = new DataView(image.data.buffer);
  values.forEach((label, index) => {
    const colour = label === 0 || label === ORIGINAL ? (label ? 0xffffffaa : 0) : (parseInt(COLOURS[label].slice(1), 16) * 256 + 0x99) >>> 0;
    pixels.setUint32(index * 4, colour);
  });
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

/** What the brush paints, and its radius in pixels of the map. */
export interface Brush {
  label: number;
  radius: number;
}

interface Props {
  labels: Labels;
  names: string[];
  change: (labels: Labels) => void;
}

const KEYS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The painting area; lies over the picture. Arrow keys move the brush, and the space bar paints. */
export function PaintArea({ labels, brush, change }: { labels: Labels; brush: Brush; change: (labels: Labels) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painted = useRef<Labels | null>(null);
  const [place, setPlace] = useState<[number, number]>([0.5, 0.5]);
  useEffect(() => draw(canvas.current!, labels), [labels]);
  const dabAt = (target: Labels, [x, y]: [number, number]) =>
    dab(target, x * labels.width, y * labels.height, brush.radius, brush.label);
  const stroke = (event: PointerEvent & { currentTarget: HTMLCanvasElement }) => {
    if (event.type === 'pointerdown') {
      event.currentTarget.setPointerCapture(event.pointerId);
      painted.current = copied(labels);
    }
    if (!painted.current) return;
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    dabAt(painted.current, [(event.clientX - left) / width, (event.clientY - top) / height]);
    draw(event.currentTarget, painted.current);
  };
  const end = () => {
    if (painted.current) change(painted.current);
    painted.current = null;
  };
  const press = (event: KeyboardEvent) => {
    const by = KEYS[event.key];
    if (!by && event.key !== ' ') return;
    event.preventDefault();
    if (by) return setPlace([0, 1].map((axis) => Math.min(Math.max(place[axis] + by[axis] * 0.04, 0), 1)) as [number, number]);
    const next = copied(labels);
    dabAt(next, place);
    change(next);
  };
  return (
    <div class="paint" role="application" tabIndex={0} aria-label={text('paintArea')} onKeyDown={press}>
      <canvas ref={canvas} onPointerDown={stroke} onPointerMove={stroke} onPointerUp={end} onPointerCancel={end} />
      <i class="point" style={{ left: `${place[0] * 100}%`, top: `${place[1] * 100}%` }} />
    </div>
  );
}

const copied = (labels: Labels): Labels => ({ ...labels, values: labels.values.slice() });

interface BrushProps extends Props {
  brush: Brush;
  take: (brush: Brush) => void;
}

/** Chooses which style the brush paints, and how large it is. */
export function BrushTools({ brush, take, labels, names, change }: BrushProps) {
  const clear = () => change({ ...labels, values: new Uint8Array(labels.values.length) });
  return (
    <div class="row">
      <label>
        {text('brush')}
        <select
          id="brush"
          value={brush.label}
          onChange={({ currentTarget }) => take({ ...brush, label: Number(currentTarget.value) })}
        >
          {names.map((name, index) => <option key={index} value={index}>{name}</option>)}
          <option value={ORIGINAL}>{text('original')}</option>
        </select>
      </label>
      <label>
        {text('brushSize')}
        <input
          type="range"
          min="4"
          max="96"
          value={brush.radius}
          onInput={({ currentTarget }) => take({ ...brush, radius: currentTarget.valueAsNumber })}
        />
      </label>
      <button type="button" onClick={clear}>{text('clearPaint')}</button>
    </div>
  );
}
