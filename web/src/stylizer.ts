// The stylizer of the page, for other pages too: `import { Stylizer } from './stylizer.js'`, beside the built files.

import { type Remote, proxy, wrap } from 'comlink';
import type { Device } from './engine/runtime';
import type { Api, Job, Loaded } from './worker';

const DEFAULTS = {
  shares: [1],
  labels: null,
  alpha: 1,
  strokes: 0.5,
  seed: 0,
  keepColours: false,
  preview: false,
};

export type Request = Pick<Job, 'codes'> & Partial<Job>;

/** Stylizes pictures in a worker. */
export class Stylizer {
  private constructor(
    readonly api: Remote<Api>,
    public loaded: Loaded,
    private readonly changed: () => void,
  ) {}

  /**
   * Start the worker and load the network.
   * @param base address of the folder of the built page
   * @param device where to compute; null: on the graphics card where it works, else in WebAssembly
   * @param changed called when the graphics card fails and WebAssembly takes over
   */
  static async load(base: string, device: Device | null = null, changed: () => void = () => undefined): Promise<Stylizer> {
    const api = wrap<Api>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
    return new Stylizer(api, await api.load(base, device), changed);
  }

  /** The style code of a picture. */
  encode(picture: Blob): Promise<Float32Array> {
    return this.retried(() => this.api.encode(picture));
  }

  /** The style code in a file that `adain encode` or the page wrote. */
  readCode(file: Blob): Promise<Float32Array> {
    return this.api.readCode(file);
  }

  /**
   * Stylize.
   * @param request codes of the styles, and settings as on the page
   * @param picture to stylize; without it, the picture that `api.take` was given
   * @param progress called with the share that is done
   * @returns the picture, or null if another call came meanwhile
   */
  async stylize(
    request: Request,
    picture?: ImageData,
    progress: (done: number) => void = () => undefined,
  ): Promise<ImageData | null> {
    return this.retried(() => this.api.stylize({ ...DEFAULTS, ...request }, proxy(progress), picture));
  }

  /** Call, and once more in WebAssembly if it fails on the graphics card. */
  private async retried<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (this.loaded.device === 'wasm') throw error;
      this.loaded = await this.api.fallBack(message(error));
      this.changed();
      return call();
    }
  }
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
