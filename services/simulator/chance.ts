/**
 * Chance that can be asked again: a number that depends on a seed and on what it is for, and on nothing else. So a
 * signal has a value at any instant without a past to keep, and the same seed always makes the same plant.
 */

/** 32 well-mixed bits of a seed and any whole numbers (MurmurHash3's mixing). */
export function bitsOf(seed: number, ...parts: number[]): number {
  let hash = seed | 0;
  for (const part of parts) {
    let bits = Math.imul(part | 0, 0xcc9e2d51);
    bits = (bits << 15) | (bits >>> 17);
    hash ^= Math.imul(bits, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A seed of its own for everything that has a name. */
export function seedOf(seed: number, name: string): number {
  return bitsOf(seed, ...[...name].map((character) => character.codePointAt(0) ?? 0));
}

/** Uniform in 0..1, without 1. */
export function uniform(seed: number, ...parts: number[]): number {
  return bitsOf(seed, ...parts) / 2 ** 32;
}

/** The sum of four bytes, shifted and scaled: mean 0, standard deviation 1, within ±3.46, close to normal. */
export function nearlyNormal(seed: number, tick: number): number {
  const bits = bitsOf(seed, tick);
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
  return (sum - 510) / BYTES_DEVIATION;
}
/** Four independent bytes: √(4 · (256² − 1) / 12). */
const BYTES_DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);

/** An autocorrelated course of noise: AR(1) with coefficient `phi`, summed over its last `weights.length` shocks. */
export type Noise = { seed: number; weights: readonly number[] };

/** Shocks that weigh less than this are forgotten. */
const WEIGHT_MIN = 0.01;

/** Noise with mean 0 and standard deviation 1 whose value keeps `phi` (0..0.97) of the last one from tick to tick. */
export function noiseOf(seed: number, phi: number): Noise {
  const weights = [];
  for (let weight = Math.sqrt(1 - phi ** 2); weights.length === 0 || weight > WEIGHT_MIN; weight *= phi) {
    weights.push(weight);
  }
  return { seed, weights };
}

/** The value of the noise at a tick. */
export function noiseAt({ seed, weights }: Noise, tick: number): number {
  let sum = 0;
  for (const [age, weight] of weights.entries()) sum += weight * nearlyNormal(seed, tick - age);
  return sum;
}

/** A smooth wander within ±1: turning points at random, one every `ticksPerTurn`. */
export function wanderAt(seed: number, tick: number, ticksPerTurn: number): number {
  const turn = Math.floor(tick / ticksPerTurn);
  const part = smooth(tick / ticksPerTurn - turn);
  const from = 2 * uniform(seed, turn) - 1;
  const to = 2 * uniform(seed, turn + 1) - 1;
  return from + (to - from) * part;
}

/** Goes from 0 to 1 while `part` does, without corners; outside it stays at 0 or 1. */
export function smooth(part: number): number {
  const within = Math.min(1, Math.max(0, part));
  return within * within * (3 - 2 * within);
}
