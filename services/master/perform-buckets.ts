import { codec } from "#protocol/codec.js";
import { refusal } from "#protocol/errors.js";
import { Acknowledged } from "#protocol/framework.js";
import { type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Log } from "#libs/ports/log.js";
import type { Store } from "#libs/ports/store.js";

const acknowledged = codec(Acknowledged);

export interface BucketsWorld {
  readonly bus: Pick<Bus, "messages">;
  readonly store: Pick<Store, "ensure">;
  readonly subjects: Subjects;
  readonly replicas: number;
  readonly log: Pick<Log, "warn">;
}

/**
 * Makes the bucket of a framework that asks for it, and no other: where the NATS server keeps permissions, frameworks make no
 * streams. Nothing of it is in the master's books, so there is no decision in it. Until the returned function is called.
 */
export function makeBuckets({ bus, store, subjects, replicas, log }: BucketsWorld): () => void {
  const pattern = subjects.masterAll("bucket");
  const subscription = bus.messages(pattern).subscribe((message) => {
    const framework = wildcardOf(pattern, message.subject);
    if (framework === undefined) return;
    store.ensure({ name: subjects.bucket(`fw-${framework}`), replicas }).then(
      () => message.respond(acknowledged.encode({ ok: true })),
      (cause: unknown) => {
        log.warn("a framework's bucket could not be made", { framework, cause: String(cause) });
        const error = refusal("unavailable", `the bucket of ${framework} could not be made; try again`);
        message.respond(acknowledged.encode({ ok: false, error }));
      },
    );
  });
  return () => subscription.unsubscribe();
}
