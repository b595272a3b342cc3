/** The bucket of a service, whose writes may be held back. */
export class SmallBucket {
  readonly values = new Map<string, unknown>();
  /** Told to services: one that was lost is made anew under another. */
  identity = "bucket-1";
  /** Writes are answered only when it says so. */
  holdsWrites = false;
  readonly #held: { readonly key: string; readonly write: () => void }[] = [];

  write(key: string, write: () => void): void {
    if (this.holdsWrites || this.#held.length > 0) this.#held.push({ key, write });
    else write();
  }

  /** Carries out one held write: the first, or the first of these keys, for only writes of one key keep their order. */
  storeOne(keys: string): void {
    const at = this.#held.findIndex(({ key }) => key.startsWith(keys));
    if (at >= 0) this.#held.splice(at, 1)[0]!.write();
  }

  get hasHeld(): boolean {
    return this.#held.length > 0;
  }

  /** What is held never gets there: whoever wrote it has died. */
  drop(): void {
    this.#held.length = 0;
  }
}
