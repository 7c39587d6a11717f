// The settings, and the point or the brush that says where the styles go.

import { useState } from 'preact/hooks';
import type { Change } from './state';
import { Mix } from './mix';
import { type Brush, BrushTools } from './paint';
import type { Labels, Settings } from './settings';
import { text } from './strings';

const LARGEST_SEED = 2 ** 32 - 1;

interface Props {
  settings: Settings;
  change: Change;
  names: string[]; // of the chosen styles
  labels: Labels | null; // while they are painted
  brush: Brush;
  takeBrush: (brush: Brush) => void;
  undo: (() => void) | null;
}

export function Panel({ settings, change, names, labels, brush, takeBrush, undo }: Props) {
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">{text('settings')}</h2>
      <Slider name="alpha" settings={settings} change={change} />
      <Slider name="strokes" settings={settings} change={change} />
      <Check id="colours" said={text('keepColours')} checked={settings.keepColours} set={(on) => change({ keepColours: on })} />
      <Seed seed={settings.seed} set={(seed) => change({ seed })} />
      {names.length > 0 && (
        <Check id="painting" said={text('paint')} checked={settings.painting} set={(on) => change({ painting: on })} />
      )}
      {names.length > 1 && !settings.painting && (
        <>
          <h3>{text('mix')}</h3>
          <Mix names={names} point={settings.point} move={(point) => change({ point })} />
        </>
      )}
      {labels && <BrushTools brush={brush} take={takeBrush} labels={labels} names={names} change={(painted) => change({ labels: painted })} />}
      <button id="undo" type="button" disabled={!undo} onClick={() => undo?.()}>{text('undo')}</button>
    </section>
  );
}

function Slider({ name, settings, change }: { name: 'alpha' | 'strokes'; settings: Settings; change: Change }) {
  return (
    <label>
      {text(name)}
      <input
        id={name}
        type="range"
        min="0"
        max="1"
        step="0.05"
        value={settings[name]}
        onInput={({ currentTarget }) => change({ [name]: currentTarget.valueAsNumber })}
      />
      <output>{settings[name]}</output>
    </label>
  );
}

/** What is typed stands until the field is left, also while the page shows progress; each number in it counts at once. */
function Seed({ seed, set }: { seed: number; set: (seed: number) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const take = ({ value, valueAsNumber }: HTMLInputElement) => {
    setTyped(value);
    set(Math.min(Math.max(Math.floor(valueAsNumber || 0), 0), LARGEST_SEED));
  };
  return (
    <label>
      {text('seed')}
      <input
        id="seed"
        type="number"
        min="0"
        max={LARGEST_SEED}
        value={typed ?? seed}
        onInput={({ currentTarget }) => take(currentTarget)}
        onBlur={() => setTyped(null)}
      />
    </label>
  );
}

function Check({ id, said, checked, set }: { id: string; said: string; checked: boolean; set: (on: boolean) => void }) {
  return (
    <label class="check">
      <input id={id} type="checkbox" checked={checked} onChange={({ currentTarget }) => set(currentTarget.checked)} />
      {said}
    </label>
  );
}
