import type { Random } from "#libs/ports/random.js";

const letters = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Chance from a seed: the same seed gives the same numbers. sfc32 (Doty-Humphrey, PractRand), seeded from the text by hashing. */
export class SeededRandom implements Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.#seed = seed;
    [this.#a, this.#b, this.#c] = [hash32(`${seed}/a`), hash32(`${seed}/b`), hash32(`${seed}/c`)];
    for (let warmUp = 0; warmUp < 12; warmUp++) this.fraction();
  }

  /** Chance of its own for one part, so that a draw more in one place does not change all others. */
  fork(part: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${part}`);
  }

  fraction(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
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

/** FNV-1a over the text's UTF-16 units, stirred (murmur3's end), as an unsigned 32-bit number. */
export function hash32(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
