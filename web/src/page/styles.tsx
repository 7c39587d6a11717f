// The styles: a gallery that the page brings, and the visitor's own.

import type { ComponentChildren } from 'preact';
import { added } from './settings';
import { type Key, text } from './strings';

export interface Style {
  name: string;
  code: Float32Array;
  shown: string | null; // address of a small picture; a style code file has none
  own: boolean;
}

/** Fetch the gallery's style codes. */
export async function loadGallery(read: (file: Blob) => Promise<Float32Array>): Promise<Style[]> {
  const names = (await (await fetch('gallery/gallery.json')).json()) as string[];
  return Promise.all(
    names.map(async (name) => {
      const file = await (await fetch(`gallery/${name}.safetensors`)).blob();
      return { name, code: await read(file), shown: `gallery/${name}.jpg`, own: false };
    }),
  );
}

export function styleName({ name, own }: Style): string {
  return own ? name : text(name as Key);
}

interface Props {
  styles: Style[];
  chosen: string[];
  choose: (chosen: string[]) => void;
  children: ComponentChildren; // how to add one's own
}

export function Styles({ styles, chosen, choose, children }: Props) {
  const toggle = (name: string) => {
    choose(chosen.includes(name) ? chosen.filter((each) => each !== name) : added(chosen, name));
  };
  return (
    <section aria-labelledby="styles">
      <h2 id="styles">{text('styles')}</h2>
      <p class="help">{text('stylesHelp')}</p>
      <div class="gallery">
        {styles.map((style) => (
          <button
            key={style.name}
            type="button"
            data-style={style.name}
            aria-pressed={chosen.includes(style.name)}
            onClick={() => toggle(style.name)}
          >
            {style.shown ? <img src={style.shown} alt="" /> : <span class="blank" />}
            {styleName(style)}
          </button>
        ))}
      </div>
      {children}
    </section>
  );
}
