import type { TaskSpec } from "#protocol/task.js";

/** Of the schema of Accept. */
const tasksMost = 256;
/** A message stays under 256 KB, and a stored record too: room is left for the rest of it. */
const bytesMost = 190_000;

/** As many of the first as one accept takes beside the offer's text. */
export function firstThatFit(specs: readonly TaskSpec[], offerBytes: number): readonly TaskSpec[] {
  let room = bytesMost - offerBytes;
  if (specs.length <= tasksMost && surelyFit(specs, room)) return specs;
  let count = 0;
  for (const spec of specs) {
    room -= bytesOf(JSON.stringify(spec)) + 1;
    if (room < 0 || count === tasksMost) break;
    count++;
  }
  return specs.slice(0, count);
}

/** Nearly always they do, and a look at their texts costs a fraction of writing them as JSON. */
function surelyFit(specs: readonly TaskSpec[], room: number): boolean {
  let left = room;
  for (const spec of specs) if ((left -= bytesAtMost(spec)) < 0) return false;
  return true;
}

/** As JSON a character takes six bytes at most, a number 24; with each come a colon, a comma and two quotes or brackets. */
function bytesAtMost(value: unknown): number {
  if (typeof value === "string") return 6 * value.length + 4;
  if (typeof value !== "object" || value === null) return 28;
  let bytes = 4;
  for (const name in value) bytes += 6 * name.length + bytesAtMost(value[name as keyof typeof value]);
  return bytes;
}

const encoder = new TextEncoder();

/** Most texts are ASCII: their length is their size. */
const bytesOf = (text: string): number =>
  // oxlint-disable-next-line no-control-regex -- the whole of ASCII is meant
  /^[\x00-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;
