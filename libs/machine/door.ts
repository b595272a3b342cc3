import type { Codec } from "#protocol/codec.js";
import { type Fault, refusal, type Refusal } from "#protocol/errors.js";
import type { Message } from "#libs/ports/bus.js";
import type { Cancel, Clock } from "#libs/ports/clock.js";
import type { Log } from "#libs/ports/log.js";

/**
 * Where messages come in (R10). What does not decode is counted by subject, logged at once and then at most once a minute,
 * and dropped; whoever sent it as a request gets a refusal that names every fault.
 */
export interface Door {
  /** The message, or undefined when it is not one. `refuse` makes the answer to a bad request: `{ ok: false, error }` unless given. */
  decode<T>(codec: Codec<T>, message: Message, refuse?: (error: Refusal) => Uint8Array): T | undefined;
  /** How many did not decode since the start, by subject; subjects beyond the first 200 are counted as `…`. */
  readonly refused: ReadonlyMap<string, number>;
  /** Lets go of the timer. */
  close(): void;
}

/** All that did not decode there. */
export const undecodedAt = ({ refused }: Pick<Door, "refused">): number =>
  [...refused.values()].reduce((sum, count) => sum + count, 0);

/** @param dropped called for each message that does not decode */
export function door(
  log: Pick<Log, "warn">,
  clock: Pick<Clock, "after">,
  dropped: () => void = () => undefined,
): Door {
  const refused = new Map<string, number>();
  let unlogged = new Map<string, number>();
  let lastFault: Fault | undefined;
  let quiet: Cancel | undefined;

  const say = () => {
    log.warn("messages that do not decode were dropped", {
      bySubject: Object.fromEntries(unlogged),
      lastFault,
    });
    unlogged = new Map();
    quiet = clock.after(loggedEveryMs, () => {
      quiet = undefined;
      if (unlogged.size > 0) say();
    });
  };

  return {
    refused,
    decode(codec, message, refuse = encodeRefusal) {
      const decoded = codec.decode(message.bytes);
      if (decoded.ok) return decoded.value;
      const { faults } = decoded.error;
      lastFault = faults[0];
      count(refused, message.subject);
      count(unlogged, message.subject);
      if (quiet === undefined) say();
      dropped();
      const many = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
      message.respond(refuse(refusal("invalid", `the message does not decode: ${many}`, faults)));
      return undefined;
    },
    close() {
      quiet?.();
      quiet = undefined;
    },
  };
}

const loggedEveryMs = 60_000;
const subjectsMax = 200;

const encodeRefusal = (error: Refusal): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ ok: false, error }));

function count(counts: Map<string, number>, subject: string): void {
  const key = counts.has(subject) || counts.size < subjectsMax ? subject : "…";
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
