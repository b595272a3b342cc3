/**
 * Whether what is put into one message still fits. As long as it surely does, only the lengths of the texts in it are looked at,
 * which costs a fraction of writing them as JSON.
 */
export class JsonRoom {
  readonly #bytes: number;
  readonly #taken: { readonly value: unknown; readonly besides: number }[] = [];
  /** At most so many bytes are taken; once `#isExact`, just so many. */
  #used = 0;
  #isExact = false;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Takes the value, and so many bytes that come with it. False when they do not fit: then nothing is taken. */
  takes(value: unknown, besides = 0): boolean {
    if (!this.#isExact) {
      const used = this.#used + bytesAtMost(value) + besides;
      if (used <= this.#bytes) {
        this.#taken.push({ value, besides });
        this.#used = used;
        return true;
      }
      this.#measure();
    }
    const used = this.#used + bytesOf(value) + besides;
    if (used > this.#bytes) return false;
    this.#used = used;
    return true;
  }

  #measure(): void {
    this.#isExact = true;
    this.#used = 0;
    for (const { value, besides } of this.#taken) this.#used += bytesOf(value) + besides;
    this.#taken.length = 0;
  }
}

/** A character takes six bytes at most, a number 24; with each come a colon, a comma and two quotes or brackets. */
function bytesAtMost(value: unknown): number {
  if (typeof value === "string") return 6 * value.length + 4;
  if (typeof value !== "object" || value === null) return 28;
  let bytes = 4;
  for (const name in value) bytes += 6 * name.length + 4 + bytesAtMost(value[name as keyof typeof value]);
  return bytes;
}

const utf8 = new TextEncoder();

/** With the comma behind it. */
const bytesOf = (value: unknown): number => utf8.encode(JSON.stringify(value)).length + 1;
