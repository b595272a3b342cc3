import type { Accept } from "#protocol/launch.js";
import { isOlderSession, type Offer, offerId, type Session } from "#protocol/offer.js";
import type { JournalRecord } from "#services/agent/records.js";
import type { Breach } from "./breaches.js";

type Cut = Extract<JournalRecord, { readonly type: "cut" }>;
type Accepted = Extract<JournalRecord, { readonly type: "accepted" }>;

interface Asked {
  readonly framework: string;
  readonly session: Session;
  readonly tasks: ReadonlySet<string>;
  readonly offer: Offer;
}

/**
 * R2 An offer is used at most once, only by the framework session it names, only in its epoch and generation. What was asked is
 * overheard at the server; that it was granted is seen in the agent's journal, which has it and the generations in order. A session
 * launches nothing on an agent that has answered a later one of its framework.
 */
export class OffersRule {
  readonly #breach: Breach;
  readonly #asked = new Map<string, Asked[]>();
  readonly #used = new Map<string, string>();
  /** Of each agent, the last. */
  readonly #cuts = new Map<string, Cut>();
  /** The highest generation of each that a leader may have heard of. */
  readonly #shown = new Map<string, number>();
  /** `agent framework` → the latest session that the agent has dealt with. */
  readonly #sessions = new Map<string, Session>();

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  /** An accept is on its way. */
  asked(framework: string, { session, offer, tasks }: Accept): void {
    const asked: Asked = {
      framework,
      session,
      tasks: new Set(tasks.map(({ id }) => id)),
      offer: JSON.parse(offer.body) as Offer,
    };
    for (const task of asked.tasks) {
      const known = this.#asked.get(task) ?? [];
      if (known.some((each) => offerId(each.offer) === offerId(asked.offer))) continue;
      this.#asked.set(task, [...known, asked]);
    }
  }

  /** A generation begins. */
  cut(agent: string, cut: Cut): void {
    const last = Math.max(this.#cuts.get(agent)?.generation ?? 0, this.#shown.get(agent) ?? 0);
    if (cut.generation <= last)
      this.#breach(`R2: agent ${agent} begins generation ${cut.generation} after ${last}`);
    this.#cuts.set(agent, cut);
  }

  /** A registration is on its way: a leader may make offers of this generation. */
  registers(agent: string, generation: number): void {
    this.#shown.set(agent, Math.max(this.#shown.get(agent) ?? 0, generation));
  }

  /** With the power its disk has lost what it had not written through: `last` is left. What nobody was shown may begin again. */
  lost(agent: string, last: Cut | undefined): void {
    if (last === undefined) this.#cuts.delete(agent);
    else this.#cuts.set(agent, last);
  }

  /** The agent has answered this session what it has of the framework's: a cut, earlier ones launch nothing from now on. */
  reconciled(agent: string, framework: string, session: Session): void {
    const key = `${agent} ${framework}`;
    const seen = this.#sessions.get(key);
    if (seen === undefined || isOlderSession(seen, session)) this.#sessions.set(key, session);
  }

  /** Offers were used for these tasks. */
  accepted(agent: string, record: Accepted): void {
    const tasks = record.tasks.map(({ id }) => id);
    const asked = (this.#asked.get(tasks[0]!) ?? []).filter((each) =>
      tasks.every((id) => each.tasks.has(id)),
    );
    if (asked.length === 0) return this.#breach(`R2: agent ${agent} takes ${tasks.join(", ")} unasked`);
    const faults = asked.map((each) => this.#faultOf(agent, record, each));
    const granted = faults.indexOf(undefined);
    if (granted < 0)
      return this.#breach(`R2: agent ${agent} takes ${tasks.join(", ")}: ${faults.join("; ")}`);
    this.#used.set(offerId(asked[granted]!.offer), tasks.join(", "));
    this.reconciled(agent, record.framework, record.session);
  }

  #faultOf(agent: string, record: Accepted, { framework, session, offer }: Asked): string | undefined {
    const id = offerId(offer);
    const seen = this.#sessions.get(`${agent} ${framework}`);
    if (seen !== undefined && isOlderSession(session, seen))
      return `session ${text(session)} of ${framework} was fenced off by ${text(seen)}`;
    const { generation = 0, epoch = 0 } = this.#cuts.get(agent) ?? {};
    if (offer.agent !== agent) return `offer ${id} is of another agent`;
    if (offer.framework !== framework || record.framework !== framework)
      return `offer ${id} names another framework`;
    if (!isSame(offer.session, session) || !isSame(record.session, session))
      return `offer ${id} names another session`;
    if (offer.generation !== generation)
      return `offer ${id} is of generation ${offer.generation}, now is ${generation}`;
    if (offer.epoch < epoch) return `offer ${id} is of an older epoch than ${epoch}`;
    const used = this.#used.get(id);
    return used === undefined ? undefined : `offer ${id} was used for ${used}`;
  }
}

const isSame = (a: Session, b: Session): boolean => a.epoch === b.epoch && a.counter === b.counter;

const text = ({ epoch, counter }: Session): string => `${epoch}-${counter}`;
