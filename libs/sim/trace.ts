import { hash32 } from "./random.js";

/** Lines that are kept for people; the hash is over all. */
const keptMost = 20_000;

/** What happened, in order: every message and timer. Two runs with one hash went the same way. */
export class Trace {
  readonly #isDetailed: boolean;
  readonly #lines: string[] = [];
  #count = 0;
  #low = 0;
  #high = 1;

  /** @param isDetailed whether details are kept too; they are for people, and not in the hash */
  constructor(isDetailed = false) {
    this.#isDetailed = isDetailed;
  }

  add(line: string, detail?: () => string): void {
    this.#count++;
    this.#low = hash32(line, this.#low);
    this.#high = hash32(line, this.#high ^ this.#low);
    this.#lines.push(this.#isDetailed && detail !== undefined ? `${line} ${detail()}` : line);
    if (this.#lines.length >= 2 * keptMost) this.#lines.splice(0, keptMost);
  }

  get count(): number {
    return this.#count;
  }

  get hash(): string {
    return [this.#high, this.#low].map((part) => part.toString(16).padStart(8, "0")).join("");
  }

  /** The last lines, oldest first; the oldest of a long run are not kept. */
  lines(most: number = keptMost): readonly string[] {
    return this.#lines.slice(-most);
  }
}

/** What a message says, for people. */
export function excerpt(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, excerptMost));
  return bytes.length > excerptMost ? `${text}… (${bytes.length} bytes)` : text;
}

const excerptMost = 400;

/** Short and the same for the same bytes: stands for a message in a trace. */
export function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
