// What changes on the page: the settings with their history, and the picture that follows from them.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Stylizer } from '../stylizer';
import { message } from '../stylizer';
import type { Job } from '../worker';
import { START, type Settings } from './settings';
import { type Key, text } from './strings';

const PREVIEWED = 400; // pixels; a picture with a shorter side above this gets a preview first
const SHORT = 250; // milliseconds; changes that follow each other this fast are undone together

/** A text of the page by its key, so that it follows the language. */
export interface Status {
  state: 'busy' | 'done' | 'waiting' | 'error';
  key: Key;
  values?: Record<string, string | number>;
}

export const failed = (error: unknown): Status => ({ state: 'error', key: 'failed', values: { reason: message(error) } });

/** Settings with a history to undo. */
export function useSettings() {
  const [settings, setSettings] = useState<Settings>(START);
  const latest = useRef(settings);
  const past = useRef<Settings[]>([]);
  const changed = useRef(0); // when
  const set = (next: Settings) => {
    latest.current = next;
    setSettings(next);
  };
  const change = (part: Partial<Settings> | ((settings: Settings) => Partial<Settings>)) => {
    if (performance.now() - changed.current > SHORT) past.current.push(latest.current);
    changed.current = performance.now();
    set({ ...latest.current, ...(typeof part === 'function' ? part(latest.current) : part) });
  };
  const undo = () => {
    changed.current = 0;
    const before = past.current.pop();
    if (before) set(before);
  };
  return { settings, set, change, undo, canUndo: past.current.length > 0 };
}

export type Change = ReturnType<typeof useSettings>['change'];

/** The stylized picture: a preview first, then the full size; again whenever one of `inputs` changes. */
export function useStylized(
  engine: Stylizer | null,
  content: ImageBitmap | null,
  ready: boolean, // whether a style is chosen
  paused: boolean, // while the camera or a film uses the network
  job: (preview: boolean) => Job,
  inputs: unknown[],
) {
  const [result, setResult] = useState<ImageData | null>(null);
  const [status, setStatus] = useState<Status>({ state: 'busy', key: 'loading' });
  const [progress, setProgress] = useState(0);
  const [full, setFull] = useState(false); // whether the result is the full picture, with these settings

  useEffect(() => setResult(null), [content]);
  useEffect(() => {
    setFull(false);
    if (!engine || paused) return;
    if (!content || !ready) return setStatus({ state: 'waiting', key: content ? 'waitStyle' : 'waitPicture' });
    let current = true;
    const run = async () => {
      const start = performance.now();
      const { width, height } = content;
      for (const preview of Math.min(width, height) > PREVIEWED ? [true, false] : [false]) {
        setStatus({ state: 'busy', key: preview ? 'previewing' : 'working' });
        const image = await engine.stylize(job(preview), undefined, (done) => current && setProgress(done));
        if (!current || !image) return;
        setResult(image);
      }
      setFull(true);
      const { device, threads } = engine.loaded;
      const on = device === 'webgpu' ? text('onGpu') : text('onCpu', { threads });
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      setStatus({ state: 'done', key: 'done', values: { width, height, seconds, device: on } });
    };
    run().catch((error) => current && setStatus(failed(error)));
    return () => {
      current = false;
    };
  }, [engine, content, ready, paused, ...inputs]);

  return { result, full, status, setStatus, progress };
}
