// The worker, as the page uses it.

import { type Remote, proxy, wrap } from 'comlink';
import type { Api, Job, Loaded } from '../worker';

export class Engine {
  private constructor(
    readonly api: Remote<Api>,
    public loaded: Loaded,
    private readonly changed: () => void,
  ) {}

  /** Start the worker and load the network. `changed` is called when the device changes. */
  static async start(changed: () => void): Promise<Engine> {
    const api = wrap<Api>(new Worker(new URL('../worker.ts', import.meta.url), { type: 'module' }));
    const wanted = new URLSearchParams(location.search).get('device');
    const device = wanted === 'wasm' || wanted === 'webgpu' ? wanted : null;
    return new Engine(api, await api.load(document.baseURI, device), changed);
  }

  /** Stylize; null if a later call came. After an error of WebGPU, go on in WebAssembly. */
  async stylize(job: Job, progress: (done: number) => void, frame?: ImageData): Promise<ImageData | null> {
    const call = () => this.api.stylize(job, proxy(progress), frame);
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
