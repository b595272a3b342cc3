import { type Static, Type } from "typebox";
import { AgentId, Epoch, FrameworkId, RoleName } from "./ids.js";
import { Attributes, Resources } from "./resources.js";

/** The number of a framework's subscription: sessions of a later epoch, or of the same with a higher counter, are newer. */
export const Session = Type.Object(
  { epoch: Epoch, counter: Type.Integer({ minimum: 1 }) },
  { $id: "Session" },
);
export type Session = Static<typeof Session>;

/** What an agent can run, and in which versions: `{ container: "20.10.24", jvm: "17.0.15", process: "cgroup-v1" }` and the JDKs found. */
export const ExecutorInfo = Type.Object(
  {
    kind: Type.Enum(["process", "container", "jvm"]),
    version: Type.String(),
    jdks: Type.Optional(
      Type.Array(
        Type.Object({
          release: Type.Integer({ description: "feature release: 17" }),
          version: Type.String(),
          vendor: Type.String(),
          home: Type.String(),
        }),
      ),
    ),
    warnings: Type.Array(Type.String(), {
      description: "what it cannot promise here: `no cgroup: limits are not enforced`",
    }),
  },
  { $id: "ExecutorInfo" },
);
export type ExecutorInfo = Static<typeof ExecutorInfo>;

/**
 * The content of an offer: the right to launch on one agent, once, within these resources. Numbers are the agent's own in
 * an epoch: 1, 2, …. `floor` is the lowest number that the leader still held open when it made this offer; everything below
 * it is settled, so an agent need not remember it. Using an offer voids those in `replaces`.
 */
export const Offer = Type.Object(
  {
    agent: AgentId,
    generation: Type.Integer({ minimum: 1 }),
    epoch: Epoch,
    number: Type.Integer({ minimum: 1 }),
    floor: Type.Integer({ minimum: 1 }),
    replaces: Type.Array(Type.Integer({ minimum: 1 })),
    framework: FrameworkId,
    session: Session,
    role: RoleName,
    resources: Resources,
    host: Type.String({ description: "address under which the agent's tasks are reached" }),
    attributes: Attributes,
    executors: Type.Array(ExecutorInfo),
  },
  { $id: "Offer" },
);
export type Offer = Static<typeof Offer>;

/**
 * An offer as it travels: `body` is the JSON text of an Offer, `seal` the hex HMAC-SHA256 of the body's UTF-8 bytes with the
 * agent's key. Whoever passes it on keeps the body's bytes.
 */
export const SealedOffer = Type.Object(
  { body: Type.String({ maxLength: 65536 }), seal: Type.String({ pattern: "^[0-9a-f]{64}$" }) },
  { $id: "SealedOffer" },
);
export type SealedOffer = Static<typeof SealedOffer>;

/** Names an offer for people, in declines and in rescinds: `3.17@agent-a`. */
export const offerId = (offer: Pick<Offer, "agent" | "epoch" | "number">): string =>
  `${offer.epoch}.${offer.number}@${offer.agent}`;

/** What `offerId` made the name of; undefined when it is no such name. */
export function namedOffer(name: string): Pick<Offer, "agent" | "epoch" | "number"> | undefined {
  const [, epoch, number, agent] = /^(\d+)\.(\d+)@(.+)$/.exec(name) ?? [];
  return agent === undefined ? undefined : { agent, epoch: Number(epoch), number: Number(number) };
}

export const OfferId = Type.String({ pattern: "^[0-9]+\\.[0-9]+@.+$", maxLength: 128 });

/** True when `a` is an older session than `b`. */
export const isOlderSession = (a: Session, b: Session): boolean =>
  a.epoch < b.epoch || (a.epoch === b.epoch && a.counter < b.counter);
