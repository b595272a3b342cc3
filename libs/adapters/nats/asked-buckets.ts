import { setTimeout as sleep } from "node:timers/promises";
import { codec } from "#protocol/codec.js";
import { Acknowledged } from "#protocol/framework.js";
import type { BucketConfig } from "#libs/ports/store.js";
import type { Bus } from "#libs/ports/bus.js";
import { type JetStream, unlessMissing } from "./jetstream.js";
import type { MakeBucket } from "./store.js";

const acknowledged = codec(Acknowledged);
const answerMs = 10_000;
/** Before whoever asked may ask again. */
const pauseMs = 1000;

/**
 * For a framework that the server lets make no streams: a leader makes its bucket when it is asked on this subject. Other buckets, such
 * as that of the leases, are somebody else's to make.
 */
export const askedBuckets =
  ({ js, bus, subject, bucket }: AskedBuckets): MakeBucket =>
  async ({ name }: BucketConfig): Promise<void> => {
    const found = await js.manage(({ streams }) => unlessMissing(streams.info(`KV_${name}`)));
    if (found !== undefined) return;
    const why = name === bucket ? await refusal(bus, subject) : "masters make it: does one run?";
    if (why === undefined) return;
    await sleep(pauseMs);
    throw new Error(`there is no bucket ${name} yet: ${why}`);
  };

export interface AskedBuckets {
  readonly js: JetStream;
  readonly bus: Pick<Bus, "request">;
  readonly subject: string;
  /** The one to be asked for. */
  readonly bucket: string;
}

async function refusal(bus: Pick<Bus, "request">, subject: string): Promise<string | undefined> {
  const answer = await bus.request(subject, new Uint8Array(), answerMs);
  if (!answer.ok)
    return answer.error === "no-responders"
      ? "no master leads, and it would make it"
      : `no answer of the master (${answer.error})`;
  const reply = acknowledged.decode(answer.value);
  if (!reply.ok) return "the master's answer is none";
  return reply.value.ok ? undefined : reply.value.error.message;
}
