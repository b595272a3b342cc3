/** Something in a sandbox. */
export interface SandboxEntry {
  /** Relative to the sandbox. */
  readonly path: string;
  readonly kind: "file" | "directory" | "other";
  /** Bytes. */
  readonly size: number;
  /** Wall ms. */
  readonly modifiedAt: number;
}

/** Where a piece begins that is asked for at this offset; a negative one counts from the end. Always within the file. */
export const pieceStart = (offset: number, size: number): number =>
  Math.min(size, offset < 0 ? Math.max(0, size + offset) : offset);

/** A piece of a file. */
export interface SandboxRead {
  /** Where the piece begins, bytes from the start of the file. */
  readonly offset: number;
  /** Of the whole file, bytes. */
  readonly size: number;
  readonly bytes: Uint8Array;
}
