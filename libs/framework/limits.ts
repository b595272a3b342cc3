import type { TaskSpec } from "#protocol/task.js";
import { JsonRoom } from "#libs/core/json-room.js";

/** Of the schema of Accept. */
const tasksMost = 256;
/** A message stays under 256 KB, and a stored record too: room is left for the rest of it. */
const bytesMost = 190_000;

/** As many of the first as one accept takes beside the offer's text. */
export function firstThatFit(specs: readonly TaskSpec[], offerBytes: number): readonly TaskSpec[] {
  const room = new JsonRoom(bytesMost - offerBytes);
  const count = specs.findIndex((spec, at) => at === tasksMost || !room.takes(spec));
  return count < 0 ? specs : specs.slice(0, count);
}
