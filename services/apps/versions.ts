/**
 * Versions of apps: ISO times of their changes. Each is later than all before, even when two changes fall into one millisecond
 * or the wall clock goes back: so versions can be compared as texts.
 */
export class Versions {
  #latest = 0;

  /** One that is known already. */
  heard(version: string): void {
    const at = Date.parse(version);
    if (at > this.#latest) this.#latest = at;
  }

  next(wall: number): string {
    this.#latest = Math.max(Math.floor(wall), this.#latest + 1);
    return new Date(this.#latest).toISOString();
  }
}
