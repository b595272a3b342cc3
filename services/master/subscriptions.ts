import { type Fault, refusal, type Refusal } from "#protocol/errors.js";
import type { AgentStanding, AskAgents, AskAgentsReply, Need, Subscribe } from "#protocol/framework.js";
import { seesAllSandboxes } from "#protocol/sandbox.js";
import { isOlderSession, namedOffer, type Session } from "#protocol/offer.js";
import { regexpFault } from "#libs/core/constraint.js";
import type { Instant } from "#libs/core/time.js";
import type { Agent, OpenOffer } from "./agents.js";
import { type Cluster, standingOf } from "./cluster.js";
import type { Ask, FrameworkMessage, Out } from "./events.js";
import { Framework } from "./frameworks.js";
import type { News } from "./news.js";
import type { Offers } from "./offers.js";
import { type Page, page } from "./pages.js";
import { frameworkKey } from "./registry.js";

type Spoken = Exclude<
  FrameworkMessage,
  { readonly type: "frameworkSubscribing" | "frameworkPrepared" | "offersUndelivered" }
>;

/**
 * Frameworks subscribe, say what they want and what they do not, and fall silent.
 *
 * 1. A new session fences the old one: told so, its offers rescinded, its messages refused.
 * 2. Nobody is answered before his record is stored and his consumer of updates exists.
 * 3. A silent framework keeps its tasks; only its offers are rescinded.
 */
export class Subscriptions {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  readonly #news: News;
  readonly #out: Out;
  /** The latest subscription of each framework that is being prepared. */
  readonly #preparing = new Map<string, Ask>();
  #sessions = 0;

  constructor(cluster: Cluster, offers: Offers, news: News, out: Out) {
    this.#cluster = cluster;
    this.#offers = offers;
    this.#news = news;
    this.#out = out;
  }

  subscribing(ask: Ask, id: string, subscribe: Subscribe): void {
    const refused = this.#refusal(id, subscribe);
    if (refused !== undefined) return this.#refuse(ask, refused);
    this.#preparing.set(id, ask);
    const record = new Framework({
      id,
      role: subscribe.role,
      name: subscribe.name ?? id,
      removed: false,
      ...(subscribe.failoverTimeoutMs === undefined
        ? {}
        : { failoverTimeoutMs: subscribe.failoverTimeoutMs }),
    }).record();
    const known = this.#cluster.frameworks.get(id);
    const isStored = known !== undefined && JSON.stringify(known.record()) === JSON.stringify(record);
    this.#out({
      type: "prepareFramework",
      framework: id,
      ...(isStored ? {} : { record: { key: frameworkKey(id), value: record } }),
      done: { type: "frameworkPrepared", ask, framework: id, subscribe },
    });
  }

  prepared(at: Instant, { ask, framework: id, subscribe, failure }: Prepared): void {
    if (this.#preparing.get(id) !== ask)
      return this.#refuse(ask, this.#stale(`a later subscription of ${id} came`));
    this.#preparing.delete(id);
    if (failure !== undefined) return this.#refuse(ask, refusal("unavailable", failure));
    const framework = this.#cluster.frameworks.get(id);
    if (framework?.removed) return this.#refuse(ask, beingRemoved(id));
    this.#open(at, ask, framework, subscribe);
  }

  /** A message of a session. */
  spoken(at: Instant, event: Spoken): void {
    const { ask, framework: id, message } = event;
    const framework = this.#cluster.frameworks.get(id);
    const refused = this.#sessionRefusal(framework, id, message.session);
    if (framework === undefined || refused !== undefined) return this.#refuse(ask, refused!);
    this.#hear(at, framework);
    switch (event.type) {
      case "sessionRenewed":
        return this.#out({ type: "answer", ask, body: { ok: true, changes: framework.changes } });
      case "offersDeclined":
        this.#decline(at, framework, event.message.offers, event.message.filterMs);
        break;
      case "offersSuppressed":
        framework.suppressed = true;
        this.#cluster.frameworks.changed(framework);
        break;
      case "offersRevived": {
        const faults = needFaults(event.message.needs);
        if (faults.length > 0)
          return this.#refuse(ask, refusal("invalid", "needs that nothing can meet", faults));
        this.#revive(framework, event.message.needs);
        break;
      }
      case "agentsAsked":
        return this.#out({ type: "answer", ask, body: this.#standings(at, framework, event.message) });
    }
    this.#out({ type: "answer", ask, body: { ok: true } });
  }

  undelivered(at: Instant, { framework: id, session, offers, why }: Undelivered): void {
    this.#offers.undelivered(offers);
    const framework = this.#cluster.frameworks.get(id);
    if (framework === undefined || !isSame(framework.session, session)) return;
    framework.deafUntil = at.mono + this.#cluster.settings.deafMs;
    const fields = { framework: id, offers: offers.length, why };
    this.#out({ type: "log", level: "info", message: "a framework did not take its offers", fields });
  }

  beat(at: Instant): void {
    const { connectivity, frameworks, settings } = this.#cluster;
    const silent = [...frameworks.silentSince(connectivity.heardBy(at, settings.sessionTimeoutMs))];
    for (const framework of silent) {
      const seconds = Math.round((at.mono - framework.renewedAt) / 1000);
      this.disconnect(at, framework, `has not renewed its session for ${seconds} s`);
    }
  }

  disconnect(at: Instant, framework: Framework, why: string): void {
    framework.connected = false;
    framework.lastSeenMs = this.#cluster.connectivity.totalMs;
    this.#cluster.frameworks.changed(framework);
    this.#offers.rescindOf(framework);
    this.#news.frameworkDisconnected(at, framework, why);
  }

  #open(at: Instant, ask: Ask, known: Framework | undefined, subscribe: Subscribe): void {
    const { epoch, frameworks, filters, books, settings } = this.#cluster;
    const { framework: id, role, name = id, failoverTimeoutMs, needs, suppressed } = subscribe;
    const framework = known ?? new Framework({ id, role, name, removed: false });
    const session = { epoch, counter: ++this.#sessions };
    const { items: agents, more } = this.#toReconcile(framework, session, { wasKnown: known !== undefined });
    this.#fence(framework, session);
    framework.role = role;
    framework.name = name;
    framework.failoverTimeoutMs = failoverTimeoutMs;
    framework.session = session;
    framework.changes = 0;
    framework.connected = true;
    framework.suppressed = suppressed;
    framework.want(needs);
    frameworks.put(framework);
    frameworks.spoke(framework, at.mono);
    filters.clear(id);
    books.fresh.frameworks.add(id);
    const { renewMs } = settings;
    this.#out({ type: "answer", ask, body: { ok: true, session, agents, more, renewMs } });
    this.#news.frameworkSubscribed(at, framework);
  }

  #fence(framework: Framework, by: Session): void {
    const { id, session: old, connected } = framework;
    this.#offers.rescindOf(framework);
    if (old === undefined || !connected) return;
    const event = { type: "superseded", epoch: by.epoch, by } as const;
    this.#out({ type: "tellFramework", framework: id, session: old, event });
  }

  #hear(at: Instant, framework: Framework): void {
    const { frameworks, books } = this.#cluster;
    const wasAway = !framework.connected || framework.deafUntil > 0;
    framework.connected = true;
    frameworks.changed(framework);
    frameworks.spoke(framework, at.mono);
    if (wasAway) books.fresh.frameworks.add(framework.id);
  }

  #decline(at: Instant, framework: Framework, ids: readonly string[], filterMs: number): void {
    for (const id of ids) {
      const offer = this.#offer(framework, id);
      if (offer === undefined) continue;
      if (filterMs > 0)
        this.#cluster.filters.refuse(framework.id, offer.agent, offer.resources, at.mono + filterMs);
      this.#offers.rescind(offer, false);
    }
  }

  /** Undefined: settled meanwhile, of another leader, or not the framework's. */
  #offer(framework: Framework, id: string): OpenOffer | undefined {
    const named = namedOffer(id);
    if (named?.epoch !== this.#cluster.epoch) return undefined;
    const offer = this.#cluster.agents.get(named.agent)?.offers.get(named.number);
    return offer?.framework === framework.id ? offer : undefined;
  }

  #revive(framework: Framework, needs: readonly Need[]): void {
    const { frameworks, filters, books } = this.#cluster;
    framework.suppressed = false;
    framework.want(needs);
    frameworks.changed(framework);
    filters.clear(framework.id);
    books.fresh.frameworks.add(framework.id);
  }

  /**
   * Where it has something, or an earlier session may still launch: with offers of ours, or of a former leader. A later page is
   * made later: an agent that has left the set has settled those offers meanwhile, and shows in its use what came of them.
   */
  #toReconcile(
    { id, offers }: Framework,
    present: Session,
    { after, wasKnown = true }: { readonly after?: string | undefined; readonly wasKnown?: boolean } = {},
  ): Page<AgentStanding> {
    const earlier = [...offers].filter(({ session }) => !isSame(session, present));
    const offering = new Set(earlier.map(({ agent }) => agent));
    const mayHave = (agent: Agent) =>
      agent.has(id) || offering.has(agent.id) || (wasKnown && agent.standing === "awaited");
    const agents = this.#cluster.agents.sorted().filter(mayHave);
    return page(agents, { after, most: undefined, id: (agent) => agent.id, view: standingOf });
  }

  #standings(
    at: Instant,
    framework: Framework,
    { agents: asked, after, session }: AskAgents,
  ): AskAgentsReply {
    const { changes } = framework;
    if (asked.length === 0) {
      const { items: agents, more } = this.#toReconcile(framework, session, { after });
      return { ok: true, agents, more, changes };
    }
    return { ok: true, agents: asked.flatMap((id) => this.#cluster.standing(at, id) ?? []), changes };
  }

  #refusal(id: string, subscribe: Subscribe): Refusal | undefined {
    if (subscribe.framework !== id) {
      const expected = `${JSON.stringify(id)}, as in the subject`;
      const faults = [{ path: "/framework", expected, found: JSON.stringify(subscribe.framework) }];
      return refusal("invalid", "a framework subscribes itself only", faults);
    }
    if (seesAllSandboxes.has(id)) {
      const faults = [
        {
          path: "/framework",
          expected: "another id: this one reads every sandbox",
          found: JSON.stringify(id),
        },
      ];
      return refusal("invalid", `no framework may be called ${id}`, faults);
    }
    const faults = needFaults(subscribe.needs);
    if (faults.length > 0) return refusal("invalid", "needs that nothing can meet", faults);
    return this.#cluster.frameworks.get(id)?.removed ? beingRemoved(id) : undefined;
  }

  #sessionRefusal(framework: Framework | undefined, id: string, session: Session): Refusal | undefined {
    if (framework?.session === undefined || framework.removed)
      return this.#stale(`${id} has no session in epoch ${this.#cluster.epoch}: subscribe`);
    if (isSame(framework.session, session)) return undefined;
    const { epoch, counter } = framework.session;
    return this.#stale(
      isOlderSession(session, framework.session)
        ? `session ${session.epoch}-${session.counter} of ${id} was superseded by ${epoch}-${counter}`
        : `session ${session.epoch}-${session.counter} of ${id} is not known here, the present one is ${epoch}-${counter}`,
    );
  }

  #stale(message: string): Refusal {
    return { ...refusal("stale", message), epoch: this.#cluster.epoch };
  }

  #refuse(ask: Ask, error: Refusal): void {
    this.#out({ type: "answer", ask, body: { ok: false, error } });
  }
}

type Prepared = Extract<FrameworkMessage, { type: "frameworkPrepared" }>;
type Undelivered = Extract<FrameworkMessage, { type: "offersUndelivered" }>;

const isSame = (a: Session | undefined, b: Session): boolean =>
  a !== undefined && a.epoch === b.epoch && a.counter === b.counter;

const beingRemoved = (id: string): Refusal =>
  refusal(
    "conflict",
    `framework ${id} is being removed: its tasks still end; subscribe again when they have`,
  );

/** What the schema cannot say. */
export function needFaults(needs: readonly Need[]): Fault[] {
  const faults: Fault[] = [];
  for (const [index, { constraints, jdk }] of needs.entries()) {
    for (const [at, { operator, value = "" }] of constraints.entries()) {
      const wrong = operator === "like" || operator === "unlike" ? regexpFault(value) : undefined;
      if (wrong !== undefined)
        faults.push({
          path: `/needs/${index}/constraints/${at}/value`,
          expected: "a regular expression",
          found: `${JSON.stringify(value)} (${wrong})`,
        });
    }
    if (jdk !== undefined && !/^(>=)?\d+$/.test(jdk))
      faults.push({
        path: `/needs/${index}/jdk`,
        expected: "a feature release: `17`, `>=21`",
        found: JSON.stringify(jdk),
      });
  }
  return faults;
}
