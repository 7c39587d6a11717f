// Runs the graphs of a model: the same calls as adain/runtimes/graph_backend.py.

import type * as Ort from 'onnxruntime-web';
import type { Framing } from './framing';
import { type FusedMap, type GraphInfo, readMetadata } from './metadata';
import { type MapMoments, split } from './moments';
import { type Planes, fitting, repeated } from './planes';
import { type Device, fetched, loadRuntime } from './runtime';

const MODEL = 'adain-slim';
const WEIGHTS = `${MODEL}.safetensors`; // that all graphs read

type Kind = 'encode_style' | 'level' | 'level_regions' | 'encode_content' | 'decode' | 'decode_regions';

interface Graph {
  session: Ort.InferenceSession;
  info: GraphInfo;
}

/** A tile's feature maps, as the graphs store them. */
export type Maps = Record<string, Ort.Tensor>;

export class Backend {
  private readonly graphs = new Map<Kind, Promise<Graph>>();
  private failure: Promise<never> | null = null; // rejects when the graphics card fails

  private constructor(
    private readonly ort: typeof Ort,
    readonly device: Device,
    private readonly base: string,
    private readonly weights: Uint8Array,
  ) {}

  /** Load the runtime and the weights; graphs are loaded when first used. */
  static async load(device: Device, base: string): Promise<Backend> {
    const weights = fetched(new URL(`graphs/${WEIGHTS}`, base));
    return new Backend(await loadRuntime(device, base), device, base, await weights);
  }

  /** What a graph says about its model. */
  async info(): Promise<GraphInfo> {
    return (await this.graph('level')).info;
  }

  /** A style picture's code. */
  async encodeStyle(style: Planes): Promise<Float32Array> {
    const graph = await this.graph('encode_style');
    const { code } = await this.run(graph, { style: this.picture(fitted(style, graph.info)) });
    return code.data as Float32Array;
  }

  /** Run the network once on a whole picture. With masks, each code goes where its mask is. */
  async level(content: Planes, codes: Float32Array[], masks: Planes | null, alpha: number): Promise<Planes> {
    const graph = await this.graph(masks ? 'level_regions' : 'level');
    const picture = fitted(content, graph.info);
    const { stylized } = await this.run(graph, {
      content: this.picture(picture),
      ...this.style(codes, masks && repeated(masks, picture.height, picture.width), alpha),
    });
    return repeated(toPlanes(stylized), content.height, content.width);
  }

  /** How pictures and tiles are framed, and which maps are fused. */
  async framing(): Promise<{ framing: Framing; maps: FusedMap[] }> {
    const { info } = await this.graph('encode_content');
    return { framing: info.framing!, maps: info.stages[0].maps };
  }

  /** A tile's maps, and its moments for each mask. */
  async encode(tile: Planes, masks: Planes): Promise<{ maps: Maps; moments: MapMoments[][] }> {
    const graph = await this.graph('encode_content');
    const outputs = await this.run(graph, { content: this.picture(tile), masks: this.picture(masks) });
    const { moments, ...maps } = outputs;
    const [, regions, length] = moments.dims;
    const flat = moments.data as Float32Array;
    const parts = Array.from({ length: regions }, (_, i) => flat.subarray(i * length, (i + 1) * length));
    return { maps, moments: parts.map((part) => split(part, graph.info.stages[0].maps)) };
  }

  /** The rest of `level` for a tile. `rows` are the statistics, with masks of each region, and last of the whole picture. */
  async decode(
    maps: Maps,
    rows: Float32Array[],
    codes: Float32Array[],
    masks: Planes | null,
    alpha: number,
  ): Promise<Planes> {
    const graph = await this.graph(masks ? 'decode_regions' : 'decode');
    const dims = masks ? [1, rows.length, rows[0].length] : [1, rows[0].length];
    const { stylized } = await this.run(graph, {
      ...maps,
      statistics: this.tensor(joined(rows), dims),
      ...this.style(codes, masks, alpha),
    });
    return toPlanes(stylized);
  }

  private style(codes: Float32Array[], masks: Planes | null, alpha: number): Record<string, Ort.Tensor> {
    const where: Record<string, Ort.Tensor> = masks
      ? { masks: this.picture(masks) }
      : { weights: this.tensor(Float32Array.of(1), [1, 1]) };
    return {
      codes: this.tensor(joined(codes), [1, codes.length, codes[0].length]),
      ...where,
      alpha: this.tensor(Float32Array.of(alpha), [1, 1]),
    };
  }

  private picture({ values, channels, height, width }: Planes): Ort.Tensor {
    return this.tensor(values, [1, channels, height, width]);
  }

  private tensor(values: Float32Array, dims: number[]): Ort.Tensor {
    return new this.ort.Tensor('float32', values, dims);
  }

  /** Run a graph; its outputs are on the CPU. */
  private async run({ session }: Graph, inputs: Record<string, Ort.Tensor>): Promise<Record<string, Ort.Tensor>> {
    const work = session.run(inputs).then(async (outputs) => {
      await Promise.all(Object.values(outputs).map((tensor) => tensor.getData(true)));
      return outputs as Record<string, Ort.Tensor>;
    });
    return this.failure ? Promise.race([work, this.failure]) : work;
  }

  /** Notice a lost device, and errors after which onnxruntime goes on with wrong numbers. */
  private async watch(): Promise<void> {
    const device = (await this.ort.env.webgpu.device) as GPUDevice;
    this.failure = new Promise((_, reject) => {
      device.addEventListener('uncapturederror', ({ error }) => reject(new Error(error.message)));
      device.lost.then(({ message, reason }) => reject(new Error(message || `device lost: ${reason}`)));
    });
    this.failure.catch(() => undefined); // it is for runs that come later
  }

  private graph(kind: Kind): Promise<Graph> {
    let graph = this.graphs.get(kind);
    if (!graph) this.graphs.set(kind, (graph = this.open(kind)));
    return graph;
  }

  private async open(kind: Kind): Promise<Graph> {
    const bytes = await fetched(new URL(`graphs/${MODEL}.${kind}.onnx`, this.base));
    const session = await this.ort.InferenceSession.create(bytes, {
      executionProviders: [this.device],
      externalData: [{ path: WEIGHTS, data: this.weights }],
      logSeverityLevel: 3,
    });
    if (this.device === 'webgpu' && !this.failure) await this.watch();
    return { session, info: readMetadata(bytes) };
  }
}

function fitted(picture: Planes, { size_multiple, size_minimum }: GraphInfo): Planes {
  const [height, width] = [picture.height, picture.width].map((side) => fitting(side, size_multiple, size_minimum));
  return repeated(picture, height, width);
}

function toPlanes(tensor: Ort.Tensor): Planes {
  const [, channels, height, width] = tensor.dims;
  return { values: tensor.data as Float32Array, channels, height, width };
}

function joined(arrays: Float32Array[]): Float32Array {
  const result = new Float32Array(arrays.length * arrays[0].length);
  arrays.forEach((array, index) => result.set(array, index * array.length));
  return result;
}
