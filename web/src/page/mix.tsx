// A point between the chosen styles, to drag or to move with the arrow keys.

import { sharesAt } from './settings';
import { text } from './strings';

const STEP = 0.05;
const KEYS: Record<string, [number, number]> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
};
const PLACES: [number, number][][] = [[], [[0.5, 0.5]], [[0, 0.5], [1, 0.5]], [[0.5, 0], [0, 1], [1, 1]], [[0, 0], [1, 0], [0, 1], [1, 1]]];

const within = (value: number) => Math.min(Math.max(value, 0), 1);

interface Props {
  names: string[];
  point: [number, number];
  move: (point: [number, number]) => void;
}

export function Mix({ names, point, move }: Props) {
  const [x, y] = names.length === 2 ? [point[0], 0.5] : point;
  const shares = sharesAt(point, names.length).map((share) => Math.round(share * 100));
  const said = names.map((name, index) => `${name} ${shares[index]} %`).join(', ');
  const follow = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    if (event.type === 'pointermove' && !event.buttons) return;
    if (event.type === 'pointerdown') event.currentTarget.setPointerCapture(event.pointerId);
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    move([within((event.clientX - left) / width), within((event.clientY - top) / height)]);
  };
  const step = (event: KeyboardEvent) => {
    const change = KEYS[event.key];
    if (!change) return;
    event.preventDefault();
    move([within(x + change[0]), within(y + change[1])]);
  };
  return (
    <div>
      <div
        class="mix"
        role="slider"
        tabIndex={0}
        aria-label={text('mixPoint')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={shares[0]}
        aria-valuetext={said}
        onPointerDown={follow}
        onPointerMove={follow}
        onKeyDown={step}
      >
        {PLACES[names.length].map(([left, top], index) => (
          <i key={index} class="corner" style={{ left: `${left * 100}%`, top: `${top * 100}%` }}>{index + 1}</i>
        ))}
        <i class="point" style={{ left: `${x * 100}%`, top: `${y * 100}%` }} />
      </div>
      <p class="help">{said}</p>
    </div>
  );
}
