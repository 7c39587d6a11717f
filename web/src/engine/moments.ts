// Moments of feature maps, merged over tiles, and the statistics that `decode` takes; adain/engine/moments.py says why.

import type { FusedMap } from './metadata';

const VARIANCE_EPS = 1e-5;
const COVARIANCE_RIDGE = 1e-3; // of the mean eigenvalue
const COVARIANCE_FLOOR = 1e-5;
const PRIOR = 4; // pixels of a map: weight of the whole map in the statistics of a region

/** The moments of one map: `spread` has variances (C) or covariances (C x C), divided by `count`. */
export interface MapMoments {
  count: number;
  mean: Float64Array;
  spread: Float64Array;
}

const whole = (map: FusedMap) => map.fusion !== 'adain'; // whether its moments are covariances

/** Split a flat array, as `encode_content` returns it, into the moments of each map. */
export function split(flat: ArrayLike<number>, maps: FusedMap[]): MapMoments[] {
  const values = Float64Array.from(flat);
  let position = 0;
  const take = (length: number) => values.slice(position, (position += length));
  return maps.map((map) => ({
    count: take(1)[0],
    mean: take(map.channels),
    spread: take(whole(map) ? map.channels ** 2 : map.channels),
  }));
}

/** Merge the moments of two parts, map by map. */
export function merge(one: MapMoments[], other: MapMoments[]): MapMoments[] {
  return one.map((each, index) => merged(each, other[index]));
}

/** A region's moments with a few pixels of the whole picture's mixed in. */
export function ofRegion(region: MapMoments[], all: MapMoments[]): MapMoments[] {
  return region.map((each, index) => ({ ...merged(each, { ...all[index], count: PRIOR }), count: all[index].count }));
}

/** Between two moments: mean and spread are each `(1 - t) * one + t * other`. */
export function lerp(one: MapMoments[], other: MapMoments[], t: number): MapMoments[] {
  const between = (a: Float64Array, b: Float64Array) => a.map((value, index) => (1 - t) * value + t * b[index]);
  return one.map((each, index) => ({
    count: (1 - t) * each.count + t * other[index].count,
    mean: between(each.mean, other[index].mean),
    spread: between(each.spread, other[index].spread),
  }));
}

/** The flat array of statistics that `decode` takes. */
export function statistics(moments: MapMoments[], maps: FusedMap[]): Float32Array {
  const arrays = maps.flatMap((map, index) => {
    const { mean, spread, count } = moments[index];
    const unbiased = spread.map((value) => value * (count / Math.max(count - 1, 1)));
    const variances = whole(map) ? mean.map((_, c) => unbiased[c * (map.channels + 1)]) : unbiased;
    const deviations = variances.map((value) => Math.sqrt(value + VARIANCE_EPS));
    if (map.fusion === 'adain') return [mean, deviations];
    const matrix = whitening(unbiased, map.channels);
    return map.fusion === 'wct' ? [mean, matrix] : [mean, deviations, matrix];
  });
  return Float32Array.from(arrays.flatMap((array) => Array.from(array)));
}

function merged(one: MapMoments, other: MapMoments): MapMoments {
  const count = one.count + other.count;
  const share = count > 0 ? one.count / count : 0.5;
  const mean = one.mean.map((value, c) => share * value + (1 - share) * other.mean[c]);
  const away = one.mean.map((value, c) => value - other.mean[c]);
  const size = mean.length;
  const spread = one.spread.map((value, i) => {
    const [row, column] = one.spread.length === size ? [i, i] : [Math.floor(i / size), i % size];
    return share * value + (1 - share) * other.spread[i] + share * (1 - share) * away[row] * away[column];
  });
  return { count, mean, spread };
}

/** The inverse root of a covariance (size x size), with a ridge. */
function whitening(covariance: Float64Array, size: number): Float64Array {
  const matrix = covariance.slice();
  let trace = 0;
  for (let c = 0; c < size; c++) trace += matrix[c * (size + 1)];
  for (let c = 0; c < size; c++) matrix[c * (size + 1)] += (COVARIANCE_RIDGE * trace) / size + COVARIANCE_FLOOR;
  const vectors = diagonalize(matrix, size);
  const result = new Float64Array(size * size);
  for (let k = 0; k < size; k++) {
    const root = 1 / Math.sqrt(Math.max(matrix[k * (size + 1)], COVARIANCE_FLOOR / 2));
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) result[i * size + j] += root * vectors[i * size + k] * vectors[j * size + k];
    }
  }
  return result;
}

/** Jacobi's method: leaves the eigenvalues on the diagonal, and returns the eigenvectors in columns. */
function diagonalize(matrix: Float64Array, size: number): Float64Array {
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * (size + 1)] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = 0; q < p; q++) off += matrix[p * size + q] ** 2;
    if (off < 1e-22) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(matrix, vectors, size, p, q);
  }
  return vectors;
}

function rotate(matrix: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const between = matrix[p * size + q];
  if (between === 0) return;
  const theta = (matrix[q * (size + 1)] - matrix[p * (size + 1)]) / (2 * between);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  const turn = (array: Float64Array, i: number, j: number) => {
    const [a, b] = [array[i], array[j]];
    array[i] = cosine * a - sine * b;
    array[j] = sine * a + cosine * b;
  };
  for (let k = 0; k < size; k++) turn(matrix, k * size + p, k * size + q);
  for (let k = 0; k < size; k++) turn(matrix, p * size + k, q * size + k);
  for (let k = 0; k < size; k++) turn(vectors, k * size + p, k * size + q);
}
