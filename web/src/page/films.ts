// A film in, a film out: frames are decoded and encoded by WebCodecs, sound is kept.

import {
  BlobSource,
  BufferTarget,
  Conversion,
  Input,
  MATROSKA,
  MP4,
  Mp4OutputFormat,
  Output,
  QUALITY_VERY_HIGH,
  QTFF,
  type VideoSample,
  WEBM,
  WebMOutputFormat,
  canEncodeVideo,
} from 'mediabunny';
import { save } from './canvas';

const SIDE = 480; // pixels, largest shorter side

/** Stylize each frame of a film file; `frame` is given its time in seconds. MP4 where H.264 can be written, else WebM. */
export async function stylizeFilm(
  file: Blob,
  frame: (picture: ImageData, time: number) => Promise<ImageData | null>,
  progress: (done: number) => void,
): Promise<void> {
  const input = new Input({ source: new BlobSource(file), formats: [MP4, QTFF, MATROSKA, WEBM] });
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new Error('no film in this file');
  const [displayed, high] = [await track.getDisplayWidth(), await track.getDisplayHeight()];
  const scale = Math.min(1, SIDE / Math.min(displayed, high));
  const [width, height] = [displayed, high].map((side) => 2 * Math.round((side * scale) / 2)); // codecs want even sides
  const mp4 = await canEncodeVideo('avc', { width, height });
  const format = mp4 ? new Mp4OutputFormat() : new WebMOutputFormat();
  const output = new Output({ format, target: new BufferTarget() });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const process = async (sample: VideoSample) => {
    sample.draw(context, 0, 0, width, height);
    const stylized = await frame(context.getImageData(0, 0, width, height), sample.timestamp);
    if (!stylized) throw new Error('another picture came');
    context.putImageData(stylized, 0, 0);
    return canvas;
  };
  const video = { width, height, fit: 'fill' as const, quality: QUALITY_VERY_HIGH, forceTranscode: true, process };
  const conversion = await Conversion.init({ input, output, video });
  if (!conversion.isValid) throw new Error('a film that this browser cannot decode');
  conversion.onProgress = progress;
  await conversion.execute();
  save(new Blob([output.target.buffer!]), mp4 ? 'stylized.mp4' : 'stylized.webm');
}
