import type { TaskSpec } from "#protocol/task.js";

/** Of the schema of Accept. */
const tasksMost = 256;
/** A message stays under 256 KB, and a stored record too: room is left for the rest of it. */
const bytesMost = 190_000;

/** As many of the first as one accept takes beside the offer's text. */
export function firstThatFit(specs: readonly TaskSpec[], offerBytes: number): readonly TaskSpec[] {
  let room = bytesMost - offerBytes;
  // Nearly always all fit, and one look at the whole is cheaper.
  if (specs.length <= tasksMost && bytesOf(JSON.stringify(specs)) <= room) return specs;
  let count = 0;
  for (const spec of specs) {
    room -= bytesOf(JSON.stringify(spec)) + 1;
    if (room < 0 || count === tasksMost) break;
    count++;
  }
  return specs.slice(0, count);
}

const encoder = new TextEncoder();

/** Most texts are ASCII: their length is their size. */
const bytesOf = (text: string): number =>
  // oxlint-disable-next-line no-control-regex -- the whole of ASCII is meant
  /^[\x00-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;
