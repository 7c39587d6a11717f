// The camera, stylized live, and its record; films.

import { useEffect, useRef, useState } from 'preact/hooks';
import { type Stylizer, message } from '../stylizer';
import type { Job } from '../worker';
import { save } from './canvas';
import { FileInput } from './files';
import { text } from './strings';

const SIDE = 256; // pixels, shorter side of the live picture
const RECORDED = ['video/webm;codecs=vp9', 'video/webm'];

const canMakeFilms = () => 'VideoEncoder' in self && 'VideoDecoder' in self;

/** What else than the picture uses the network. */
export type Use = 'camera' | 'film' | null;

interface Props {
  engine: Stylizer | null;
  job: (preview: boolean) => Job;
  ready: boolean; // whether a style is chosen
  use: Use;
  setUse: (use: Use) => void;
  say: (note: string) => void;
}

export function Camera({ engine, job, ready, use, setUse, say }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rate, setRate] = useState(0);
  const [recorder, setRecorder] = useState<MediaRecorder | null>(null);
  const live = use === 'camera';
  const current = useRef(job);
  current.current = job;

  useEffect(() => {
    if (!live || !engine) return;
    let going = true;
    let stream: MediaStream | null = null;
    const show = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: 640, height: 480 } });
      const video = Object.assign(document.createElement('video'), { srcObject: stream, muted: true, playsInline: true });
      await video.play();
      let [before, average] = [performance.now(), 0];
      while (going) {
        const frame = shrunk(video);
        const image = await engine.stylize({ ...current.current(false), labels: null, time: before / 1000 }, frame);
        if (!going || !image) break;
        Object.assign(canvas.current!, { width: image.width, height: image.height });
        canvas.current!.getContext('2d')!.putImageData(image, 0, 0);
        const now = performance.now();
        average = average ? 0.8 * average + 0.2 * (now - before) : now - before;
        before = now;
        setRate(1000 / average);
      }
    };
    show().catch((error) => {
      say(text('noCamera', { reason: message(error) }));
      setUse(null);
    });
    return () => {
      going = false;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, [live, engine]);

  const record = () => {
    const mimeType = RECORDED.find((type) => MediaRecorder.isTypeSupported(type));
    const started = new MediaRecorder(canvas.current!.captureStream(), { mimeType });
    const parts: Blob[] = [];
    started.ondataavailable = ({ data }) => parts.push(data);
    started.onstop = () => save(new Blob(parts, { type: 'video/webm' }), 'stylized.webm');
    started.start();
    setRecorder(started);
  };
  const stop = () => {
    recorder?.stop();
    setRecorder(null);
  };
  const toggle = () => {
    stop();
    setUse(live ? null : 'camera');
  };

  const film = async (file: File) => {
    const settings = { ...current.current(false), labels: null };
    setUse('film');
    try {
      const { stylizeFilm } = await import('./films'); // most visitors need no reader of films
      await stylizeFilm(
        file,
        (picture, time) => engine!.stylize({ ...settings, time }, picture),
        (done) => say(text('filmProgress', { percent: Math.round(done * 100) })),
      );
      say(text('filmDone'));
    } catch (error) {
      say(text('failed', { reason: message(error) }));
    }
    setUse(null);
  };

  return (
    <section aria-labelledby="camera">
      <h2 id="camera">{text('camera')}</h2>
      <div class="row">
        <button id="live" type="button" disabled={!engine || !ready || use === 'film'} aria-pressed={live} onClick={toggle}>
          {text(live ? 'stopCamera' : 'startCamera')}
        </button>
        {live && (
          <button id="record" type="button" disabled={!rate} onClick={recorder ? stop : record}>
            {text(recorder ? 'stopRecording' : 'record')}
          </button>
        )}
        {live && <output id="rate">{text('rate', { rate: rate.toFixed(1) })}</output>}
      </div>
      {canMakeFilms() ? (
        <FileInput id="film" said={text('film')} accept="video/*" disabled={!engine || !ready || use !== null} take={film} />
      ) : (
        <p class="help">{text('noFilms')}</p>
      )}
      {live && <canvas ref={canvas} class="live" role="img" aria-label={text('live')} />}
    </section>
  );
}

function shrunk(video: HTMLVideoElement): ImageData {
  const scale = SIDE / Math.min(video.videoWidth, video.videoHeight);
  const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.round(side * scale));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(video, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
