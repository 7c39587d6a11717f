// Where the grain begins for a seed: the first two numbers of NumPy's `PCG64(seed).random_raw`, modulo the tile.
// After O'Neill 2014 (PCG, XSL RR 128/64) and NumPy's SeedSequence.

const WORD = 32;
const POOL = 4;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/** The first `count` raw numbers of 64 bits for a seed of at most 32 bits. */
export function raw(seed: number, count: number): bigint[] {
  const [high, low, seqHigh, seqLow] = longs(seed);
  const step = (state: bigint, increment: bigint) => BigInt.asUintN(128, state * MULTIPLIER + increment);
  const increment = BigInt.asUintN(128, (((seqHigh << 64n) | seqLow) << 1n) | 1n);
  let state = step(BigInt.asUintN(128, increment + ((high << 64n) | low)), increment);
  return Array.from({ length: count }, () => {
    state = step(state, increment);
    const mixed = BigInt.asUintN(64, (state >> 64n) ^ state);
    const turn = state >> 122n;
    return BigInt.asUintN(64, (mixed >> turn) | (mixed << (64n - turn)));
  });
}

/** Four words of 64 bits that SeedSequence makes of a seed. */
function longs(seed: number): bigint[] {
  const pool = mixed(seed >>> 0);
  let constant = 0x8b51f9dd;
  const words = Array.from({ length: 2 * POOL }, (_, index) => {
    const data = pool[index % POOL] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    const product = Math.imul(data, constant);
    return BigInt((product ^ (product >>> 16)) >>> 0);
  });
  return Array.from({ length: POOL }, (_, index) => (words[2 * index + 1] << BigInt(WORD)) | words[2 * index]);
}

function mixed(seed: number): number[] {
  let constant = 0x43b0d7e5;
  const hash = (value: number) => {
    const data = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    const product = Math.imul(data, constant);
    return product ^ (product >>> 16);
  };
  const mix = (x: number, y: number) => {
    const result = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
    return result ^ (result >>> 16);
  };
  const pool = [seed, 0, 0, 0].map(hash);
  for (let source = 0; source < POOL; source++) {
    for (let target = 0; target < POOL; target++) {
      if (source !== target) pool[target] = mix(pool[target], hash(pool[source]));
    }
  }
  return pool;
}
