// Pictures on the page: a canvas, the comparison of before and after, and files to save.

import { useEffect, useRef, useState } from 'preact/hooks';
import { text } from './strings';

type Picture = ImageData | ImageBitmap;

interface Props {
  picture: Picture;
  said?: string; // to a screen reader; without it, the canvas is hidden from one
  class?: string;
  style?: Record<string, string>;
}

export function Canvas({ picture, said, ...rest }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const { width, height } = picture;
    Object.assign(canvas.current!, { width, height });
    const context = canvas.current!.getContext('2d')!;
    if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
    else context.drawImage(picture, 0, 0);
  }, [picture]);
  return <canvas ref={canvas} {...(said ? { role: 'img', 'aria-label': said } : { 'aria-hidden': 'true' })} {...rest} />;
}

/** The stylized picture over the content; a slider moves the edge between them. */
export function Compare({ before, after }: { before: Picture; after: Picture | null }) {
  const [edge, setEdge] = useState(0);
  return (
    <div class="compare" style={{ aspectRatio: `${before.width} / ${before.height}` }}>
      <Canvas picture={before} />
      {after && <Canvas picture={after} said={text('result')} class="after" style={{ clipPath: `inset(0 0 0 ${edge}%)` }} />}
      {after && (
        <input
          type="range"
          min="0"
          max="100"
          value={edge}
          aria-label={text('compare')}
          onInput={(event) => setEdge(event.currentTarget.valueAsNumber)}
        />
      )}
    </div>
  );
}

/** Let the browser save a file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
