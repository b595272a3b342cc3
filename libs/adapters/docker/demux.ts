/** What came of the two streams, in order within each. */
export interface Pieces {
  readonly stdout: readonly Uint8Array[];
  readonly stderr: readonly Uint8Array[];
}

const headerLength = 8;

/**
 * Takes apart the engine's log stream: frames of a header (stream 1 or 2, three zeros, length in four bytes) and so many bytes.
 * A chunk may end anywhere; nothing is held back but an unfinished header, so memory does not grow with the length of a frame.
 */
export class Demux {
  readonly #header = new Uint8Array(headerLength);
  #headerHas = 0;
  #stream = 1;
  #left = 0;

  /** The pieces are views of the chunk. Throws when it is no such stream. */
  take(chunk: Uint8Array): Pieces {
    const stdout: Uint8Array[] = [];
    const stderr: Uint8Array[] = [];
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        at += this.#takeHeader(chunk, at);
        continue;
      }
      const piece = chunk.subarray(at, at + this.#left);
      (this.#stream === 2 ? stderr : stdout).push(piece);
      this.#left -= piece.length;
      at += piece.length;
    }
    return { stdout, stderr };
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + headerLength - this.#headerHas);
    this.#header.set(part, this.#headerHas);
    this.#headerHas += part.length;
    if (this.#headerHas < headerLength) return part.length;
    this.#headerHas = 0;
    const [stream] = this.#header;
    if (stream !== 1 && stream !== 2)
      throw new Error(`the engine's log stream: expected stream 1 or 2, found ${stream}`);
    this.#stream = stream;
    this.#left = new DataView(this.#header.buffer).getUint32(4);
    return part.length;
  }
}

/** Leaves out the first `skip` bytes of what comes. */
export class Skip {
  #left: number;

  constructor(skip: number) {
    this.#left = skip;
  }

  take(pieces: readonly Uint8Array[]): Uint8Array[] {
    const kept: Uint8Array[] = [];
    for (const piece of pieces) {
      const skipped = Math.min(this.#left, piece.length);
      this.#left -= skipped;
      if (skipped < piece.length) kept.push(skipped === 0 ? piece : piece.subarray(skipped));
    }
    return kept;
  }
}
