import type { Random } from "#libs/ports/random.js";

const letters = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Chance from a seed: the same seed gives the same numbers. sfc32 (Doty-Humphrey, PractRand), seeded from the text by hashing. */
export class SeededRandom implements Random {
  readonly #seed: string;
  readonly #tally: Tally;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string, tally: Tally = { draws: 0, mixture: 0 }) {
    this.#seed = seed;
    this.#tally = tally;
    [this.#a, this.#b, this.#c] = [hash32(`${seed}/a`), hash32(`${seed}/b`), hash32(`${seed}/c`)];
    for (let warmUp = 0; warmUp < 12; warmUp++) this.fraction();
  }

  /** Chance of its own for one part, so that a draw more in one place does not change all others. */
  fork(part: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${part}`, this.#tally);
  }

  /**
   * Stands for all that was drawn from the seed so far, here and in every fork: two runs that end with the same one have drawn the
   * same, also where nothing came of it. What differs has looked at something that is not in the seed.
   */
  get ending(): string {
    return `${this.#tally.draws.toString(36)}-${(this.#tally.mixture >>> 0).toString(16).padStart(8, "0")}`;
  }

  fraction(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    this.#tally.draws++;
    this.#tally.mixture = (Math.imul(this.#tally.mixture, 31) ^ sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  token(length: number): string {
    let token = "";
    for (let count = 0; count < length; count++)
      token += letters[Math.floor(this.fraction() * letters.length)];
    return token;
  }

  /** first ≤ x < last */
  between(first: number, last: number): number {
    return first + this.fraction() * (last - first);
  }

  happens(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }
}

interface Tally {
  draws: number;
  mixture: number;
}

/** FNV-1a over the text's UTF-16 units, stirred (murmur3's end), as an unsigned 32-bit number. */
export function hash32(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
