// The page: its state, and what happens when a part of it changes.

import { useEffect, useRef, useState } from 'preact/hooks';
import { Stylizer, message } from '../stylizer';
import type { Job } from '../worker';
import { Camera } from './camera';
import { Compare, save } from './canvas';
import { Mix } from './mix';
import { type Brush, BrushTools, PaintArea, blank } from './paint';
import { MOST_STYLES, type Settings, fromLink, sharesAt, toLink } from './settings';
import { LANGUAGES, type Language, currentLanguage, setLanguage, text } from './strings';
import { type Style, Styles, loadGallery, styleName } from './styles';

const PREVIEWED = 400; // pixels; a picture with a shorter side above this gets a preview first
const SHORT = 250; // milliseconds; changes that follow each other this fast are undone together

type Status = { state: 'busy' | 'done' | 'waiting' | 'error'; said: string };

/** The device that `?device=` asks for. */
function wantedDevice() {
  const wanted = new URLSearchParams(location.search).get('device');
  return wanted === 'wasm' || wanted === 'webgpu' ? wanted : null;
}

/** Settings with a history to undo. */
function useSettings() {
  const [settings, setSettings] = useState<Settings>(() => fromLink('', []));
  const past = useRef<Settings[]>([]);
  const last = useRef(0);
  const change = (part: Partial<Settings>) => {
    if (performance.now() - last.current > SHORT) past.current.push(settings);
    last.current = performance.now();
    setSettings({ ...settings, ...part });
  };
  const undo = () => {
    last.current = 0;
    const before = past.current.pop();
    if (before) setSettings(before);
  };
  return { settings, change, undo, canUndo: past.current.length > 0, setSettings };
}

export function App() {
  const { settings, change, undo, canUndo, setSettings } = useSettings();
  const [language, chooseLanguage] = useState<Language>(currentLanguage());
  const [engine, setEngine] = useState<Stylizer | null>(null);
  const [styles, setStyles] = useState<Style[]>([]);
  const [content, setContent] = useState<ImageBitmap | null>(null);
  const [result, setResult] = useState<ImageData | null>(null);
  const [full, setFull] = useState(false);
  const [status, setStatus] = useState<Status>({ state: 'busy', said: text('loading') });
  const [note, setNote] = useState('');
  const [progress, setProgress] = useState(0);
  const [brush, setBrush] = useState<Brush>({ label: 1, radius: 24 });
  const [live, setLive] = useState(false);

  const chosen = settings.chosen.map((name) => styles.find((style) => style.name === name)!).filter(Boolean);
  const names = chosen.map(styleName);
  const painting = settings.painting && chosen.length > 0 && content !== null;
  const labels = content && (settings.labels ?? blank(content));

  const fail = (error: unknown) => setStatus({ state: 'error', said: text('failed', { reason: message(error) }) });
  const job = (preview: boolean): Job => ({
    codes: chosen.map(({ code }) => code),
    shares: sharesAt(settings.point, chosen.length),
    labels: painting ? labels : null,
    alpha: settings.alpha,
    strokes: settings.strokes,
    seed: settings.seed,
    keepColours: settings.keepColours,
    preview,
  });

  useEffect(() => {
    let started: Stylizer;
    const changed = () => setNote(text('fallback', { reason: started.loaded.fallback ?? '' }));
    const start = async () => {
      started = await Stylizer.load(document.baseURI, wantedDevice(), changed);
      if (started.loaded.fallback) changed();
      const gallery = await loadGallery((file) => started.api.readCode(file));
      setStyles(gallery);
      setSettings(fromLink(location.hash, gallery.map(({ name }) => name)));
      setEngine(started);
    };
    start().catch(fail);
  }, []);

  const takePicture = async (file: Blob) => {
    try {
      const picture = await createImageBitmap(file);
      await engine!.api.take(file);
      setResult(null);
      setContent(picture);
      change({ labels: null });
    } catch {
      setStatus({ state: 'error', said: text('notPicture', { name: (file as File).name ?? '' }) });
    }
  };

  const addStyle = async (file: File) => {
    try {
      const coded = file.name.endsWith('.safetensors');
      const code = await (coded ? engine!.api.readCode(file) : engine!.api.encode(file));
      const style = { name: file.name, code, shown: coded ? null : URL.createObjectURL(file), own: true };
      setStyles([...styles.filter(({ name }) => name !== file.name), style]);
      change({ chosen: [...settings.chosen.filter((name) => name !== file.name), file.name].slice(-MOST_STYLES) });
    } catch (error) {
      fail(error);
    }
  };

  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const dropped = (event: DragEvent) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (!file || !engine) return;
      if ((event.target as Element).closest('[aria-labelledby=styles]') || file.name.endsWith('.safetensors')) addStyle(file);
      else takePicture(file);
    };
    const pasted = (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (file && engine) takePicture(file);
    };
    addEventListener('dragover', over);
    addEventListener('drop', dropped);
    addEventListener('paste', pasted);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', dropped);
      removeEventListener('paste', pasted);
    };
  });

  useEffect(() => {
    if (!engine || live) return;
    if (!content || !chosen.length) {
      return setStatus({ state: 'waiting', said: text(content ? 'waitStyle' : 'waitPicture') });
    }
    let current = true;
    const run = async () => {
      const start = performance.now();
      const previewed = Math.min(content.width, content.height) > PREVIEWED;
      setFull(false);
      for (const preview of previewed ? [true, false] : [false]) {
        setStatus({ state: 'busy', said: text(preview ? 'previewing' : 'working') });
        const image = await engine.stylize(job(preview), undefined, (done) => current && setProgress(done));
        if (!current || !image) return;
        setResult(image);
      }
      setFull(true);
      const { device, threads } = engine.loaded;
      const on = device === 'webgpu' ? text('onGpu') : text('onCpu', { threads });
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      setStatus({ state: 'done', said: text('done', { width: content.width, height: content.height, seconds, device: on }) });
    };
    run().catch((error) => current && fail(error));
    return () => {
      current = false;
    };
  }, [engine, content, styles, settings, live]);

  const download = async (type: string, name: string) => {
    try {
      save(await engine!.api.save(type), name);
    } catch (error) {
      fail(error);
    }
  };
  const saveCode = async () => save(await engine!.api.writeCode(job(false).codes, job(false).shares), 'style.safetensors');
  const share = async () => {
    location.hash = toLink(settings, styles.filter(({ own }) => !own).map(({ name }) => name));
    await navigator.clipboard?.writeText(location.href).catch(() => undefined);
    setNote(text('shared'));
  };
  const speak = (wanted: Language) => {
    setLanguage(wanted);
    chooseLanguage(wanted);
  };
  const slider = (name: 'alpha' | 'strokes') => (
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

  return (
    <>
      <header>
        <h1>{text('title')}</h1>
        <p>{text('promise')}</p>
        <select
          aria-label="Language, 语言"
          value={language}
          onChange={({ currentTarget }) => speak(currentTarget.value as Language)}
        >
          {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
        </select>
      </header>
      <main>
        <div class="tools">
          <section aria-labelledby="picture">
            <h2 id="picture">{text('picture')}</h2>
            <FileInput id="content" said={text('choosePicture')} disabled={!engine} take={takePicture} />
            <FileInput id="photograph" said={text('photograph')} disabled={!engine} take={takePicture} capture />
          </section>
          <Styles styles={styles} chosen={settings.chosen} choose={(names) => change({ chosen: names, labels: null })} add={addStyle} />
          <section aria-labelledby="settings">
            <h2 id="settings">{text('settings')}</h2>
            {slider('alpha')}
            {slider('strokes')}
            <label class="check">
              <input
                id="colours"
                type="checkbox"
                checked={settings.keepColours}
                onChange={({ currentTarget }) => change({ keepColours: currentTarget.checked })}
              />
              {text('keepColours')}
            </label>
            <label>
              {text('seed')}
              <input
                id="seed"
                type="number"
                min="0"
                max="4294967295"
                value={settings.seed}
                onChange={({ currentTarget }) => change({ seed: Math.min(Math.max(Math.floor(currentTarget.valueAsNumber || 0), 0), 2 ** 32 - 1) })}
              />
            </label>
            {chosen.length > 0 && (
              <label class="check">
                <input
                  id="painting"
                  type="checkbox"
                  checked={settings.painting}
                  onChange={({ currentTarget }) => change({ painting: currentTarget.checked })}
                />
                {text('paint')}
              </label>
            )}
            {chosen.length > 1 && !settings.painting && (
              <>
                <h3>{text('mix')}</h3>
                <Mix names={names} point={settings.point} move={(point) => change({ point })} />
              </>
            )}
            {painting && (
              <BrushTools brush={brush} take={setBrush} labels={labels!} names={names} change={(painted) => change({ labels: painted })} />
            )}
            <button id="undo" type="button" disabled={!canUndo} onClick={undo}>{text('undo')}</button>
          </section>
        </div>
        <section class="result" aria-labelledby="result">
          <h2 id="result">{text('result')}</h2>
          <p id="status" role="status" data-state={status.state}>{status.said}</p>
          {note && <p id="note" role="status">{note}</p>}
          {status.state === 'busy' && <progress value={progress} max="1" aria-label={status.said} />}
          {content && !live && (
            <div class="stage">
              <Compare before={content} after={result} />
              {painting && <PaintArea labels={labels!} brush={brush} change={(painted) => change({ labels: painted })} />}
            </div>
          )}
          <div class="row">
            <button id="png" type="button" disabled={!full} onClick={() => download('image/png', 'stylized.png')}>{text('savePng')}</button>
            <button id="jpeg" type="button" disabled={!full} onClick={() => download('image/jpeg', 'stylized.jpg')}>{text('saveJpeg')}</button>
            <button id="code" type="button" disabled={!chosen.length} onClick={saveCode}>{text('saveCode')}</button>
            <button id="share" type="button" disabled={!engine} onClick={share}>{text('share')}</button>
          </div>
          <Camera engine={engine} job={job} ready={chosen.length > 0} live={live} setLive={setLive} say={setNote} />
        </section>
      </main>
    </>
  );
}

interface FileProps {
  id: string;
  said: string;
  disabled: boolean;
  take: (file: File) => void;
  capture?: boolean;
}

function FileInput({ id, said, disabled, take, capture }: FileProps) {
  return (
    <label class="file">
      {said}
      <input
        id={id}
        type="file"
        accept="image/*"
        disabled={disabled}
        {...(capture ? { capture: 'environment' } : {})}
        onChange={({ currentTarget }) => {
          if (currentTarget.files?.length) take(currentTarget.files[0]);
          currentTarget.value = '';
        }}
      />
    </label>
  );
}
