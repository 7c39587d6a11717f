// The page.

import { useEffect, useState } from 'preact/hooks';
import { Stylizer } from '../stylizer';
import type { Job } from '../worker';
import { Camera, type Use } from './camera';
import { Compare, save } from './canvas';
import { FileInput, useDropped } from './files';
import { type Brush, PaintArea, blank } from './paint';
import { Panel } from './panel';
import { ORIGINAL, added, fromLink, sharesAt, toLink } from './settings';
import { failed, useSettings, useStylized } from './state';
import { LANGUAGES, type Language, currentLanguage, setLanguage, text } from './strings';
import { type Style, Styles, loadGallery, styleName } from './styles';

const CODE = '.safetensors'; // suffix of style code files

export function App() {
  const { settings, set, change, undo, canUndo } = useSettings();
  const [language, chooseLanguage] = useState<Language>(currentLanguage());
  const [engine, setEngine] = useState<Stylizer | null>(null);
  const [styles, setStyles] = useState<Style[]>([]);
  const [content, setContent] = useState<ImageBitmap | null>(null);
  const [note, setNote] = useState('');
  const [chosenBrush, setBrush] = useState<Brush>({ label: 1, radius: 24 });
  const [use, setUse] = useState<Use>(null);

  const chosen = settings.chosen.flatMap((name) => styles.find((style) => style.name === name) ?? []);
  const names = chosen.map(styleName);
  const brush = chosenBrush.label < names.length ? chosenBrush : { ...chosenBrush, label: ORIGINAL }; // its style may be gone
  const labels = settings.painting && chosen.length && content ? (settings.labels ?? blank(content)) : null;
  const job = (preview: boolean): Job => ({
    codes: chosen.map(({ code }) => code),
    shares: sharesAt(settings.point, chosen.length),
    labels,
    alpha: settings.alpha,
    strokes: settings.strokes,
    seed: settings.seed,
    keepColours: settings.keepColours,
    preview,
  });
  const ready = chosen.length > 0;
  const { result, full, status, setStatus, progress } = useStylized(engine, content, ready, use !== null, job, [styles, settings]);
  const fail = (error: unknown) => setStatus(failed(error));
  const said = text(status.key, status.values);
  const paint = (painted: typeof labels) => change({ labels: painted });

  useEffect(() => {
    let started: Stylizer;
    const changed = () => setNote(text('fallback', { reason: started.loaded.fallback ?? '' }));
    const start = async () => {
      started = await Stylizer.load(document.baseURI, wantedDevice(), changed);
      if (started.loaded.fallback) changed();
      const gallery = await loadGallery((file) => started.readCode(file));
      setStyles(gallery);
      set(fromLink(location.hash, gallery.map(({ name }) => name)));
      setEngine(started);
    };
    start().catch(fail);
  }, []);

  const takePicture = async (file: File) => {
    try {
      const picture = await createImageBitmap(file);
      await engine!.api.take(file);
      setContent(picture);
      change({ labels: null });
    } catch {
      setStatus({ state: 'error', key: 'notPicture', values: { name: file.name } });
    }
  };
  const addStyle = async (file: File) => {
    try {
      const { name } = file;
      const coded = name.endsWith(CODE);
      const code = await (coded ? engine!.readCode(file) : engine!.encode(file));
      const style = { name, code, shown: coded ? null : URL.createObjectURL(file), own: true };
      setStyles((all) => [...all.filter((each) => each.name !== name), style]);
      change(({ chosen }) => ({ chosen: added(chosen, name), labels: null }));
    } catch (error) {
      fail(error);
    }
  };
  useDropped((file, target) => {
    if (!engine) return;
    if (file.name.endsWith(CODE) || target.closest('[aria-labelledby=styles]')) addStyle(file);
    else takePicture(file);
  });

  const savePicture = (type: string, name: string) => engine!.api.save(type).then((file) => save(file, name), fail);
  const saveCode = () => engine!.api.writeCode(job(false).codes, job(false).shares).then((file) => save(file, `style${CODE}`), fail);
  const share = async () => {
    location.hash = toLink(settings, styles.filter(({ own }) => !own).map(({ name }) => name));
    await navigator.clipboard?.writeText(location.href).catch(() => undefined); // the address bar has it too
    setNote(text('shared'));
  };
  const speak = (wanted: Language) => {
    setLanguage(wanted);
    chooseLanguage(wanted);
  };

  return (
    <>
      <header>
        <h1>{text('title')}</h1>
        <p>{text('promise')}</p>
        <select aria-label="Language, 语言" value={language} onChange={({ currentTarget }) => speak(currentTarget.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
        </select>
      </header>
      <main>
        <div class="tools">
          <section aria-labelledby="picture">
            <h2 id="picture">{text('picture')}</h2>
            <FileInput id="content" said={text('choosePicture')} accept="image/*" disabled={!engine} take={takePicture} />
            <FileInput id="photograph" said={text('photograph')} accept="image/*" disabled={!engine} take={takePicture} camera />
          </section>
          <Styles styles={styles} chosen={settings.chosen} choose={(chosen) => change({ chosen, labels: null })}>
            <FileInput id="own-style" said={text('ownStyle')} accept={`image/*,${CODE}`} disabled={!engine} take={addStyle} />
          </Styles>
          <Panel settings={settings} change={change} names={names} labels={labels} brush={brush} takeBrush={setBrush} undo={canUndo ? undo : null} />
        </div>
        <section class={content ? 'result shown' : 'result'} aria-labelledby="result">
          <h2 id="result">{text('result')}</h2>
          <p id="status" role="status" data-state={status.state}>{said}</p>
          {note && <p id="note" role="status">{note}</p>}
          {status.state === 'busy' && <progress value={progress} max="1" aria-label={said} />}
          {content && use !== 'camera' && (
            <div class="stage">
              <Compare before={content} after={result} />
              {labels && <PaintArea labels={labels} brush={brush} change={paint} />}
            </div>
          )}
          <div class="row">
            <Action id="png" said={text('savePng')} enabled={full} act={() => savePicture('image/png', 'stylized.png')} />
            <Action id="jpeg" said={text('saveJpeg')} enabled={full} act={() => savePicture('image/jpeg', 'stylized.jpg')} />
            <Action id="code" said={text('saveCode')} enabled={ready} act={saveCode} />
            <Action id="share" said={text('share')} enabled={engine !== null} act={share} />
          </div>
          <Camera engine={engine} job={job} ready={ready} use={use} setUse={setUse} say={setNote} />
        </section>
      </main>
      <footer><a href="./third-party-licenses.txt">{text('licences')}</a></footer>
    </>
  );
}

function Action({ id, said, enabled, act }: { id: string; said: string; enabled: boolean; act: () => void }) {
  return <button id={id} type="button" disabled={!enabled} onClick={act}>{said}</button>;
}

/** The device that `?device=` asks for. */
function wantedDevice() {
  const wanted = new URLSearchParams(location.search).get('device');
  return wanted === 'wasm' || wanted === 'webgpu' ? wanted : null;
}
