import assert from "node:assert/strict";
import type { Use } from "#protocol/agent.js";
import type { Need } from "#protocol/framework.js";
import type { Offer, Session } from "#protocol/offer.js";
import type { Resources } from "#protocol/resources.js";
import { add, type AmountOptions, amounts, contains, none, subtract, sum } from "#libs/core/resources.js";
import type { MasterEffect } from "#services/master/events.js";
import { only, Stage, type StageOptions } from "./stage.js";

interface Task {
  readonly framework: string;
  readonly role: string;
  readonly resources: Resources;
  readonly endsAt: number;
}

class Host {
  readonly totals: Resources;
  tasks: Task[] = [];
  /** Offers that it would honour. */
  readonly settled = new Set<number>();
  newlySettled: number[] = [];
  refused: { framework: string; role: string; resources: Resources; filterMs: number; offer: number }[] = [];

  constructor(totals: Resources) {
    this.totals = totals;
  }

  get used(): Resources {
    return sum(this.tasks.map(({ resources }) => resources));
  }

  use(): Use[] {
    const uses = new Map<string, Use>();
    for (const { framework, role, resources } of this.tasks) {
      const known = uses.get(`${framework} ${role}`) ?? { framework, role, resources: none, tasks: 0 };
      uses.set(`${framework} ${role}`, {
        ...known,
        resources: add(known.resources, resources),
        tasks: known.tasks + 1,
      });
    }
    return [...uses.values()];
  }

  settle(number: number): boolean {
    if (this.settled.has(number)) return false;
    this.settled.add(number);
    this.newlySettled.push(number);
    return true;
  }

  report() {
    const settled = this.newlySettled;
    const refused = this.refused;
    this.newlySettled = [];
    this.refused = [];
    return { use: this.use(), settled, refused };
  }
}

export interface Player {
  readonly id: string;
  readonly role: string;
  readonly needs: readonly Need[];
  /** Of each task: at least what one of the needs says. */
  readonly task: AmountOptions;
  readonly lastsMs: () => number;
}

/** Agents and frameworks that behave, around one master: frameworks fill every offer with tasks, which end after a while. */
export class MarketWorld {
  readonly stage: Stage;
  readonly hosts = new Map<string, Host>();
  readonly #players = new Map<string, Player & { session?: Session }>();
  readonly #dirty = new Set<string>();

  constructor(options: StageOptions = {}) {
    this.stage = new Stage(options);
  }

  host(id: string, totals: AmountOptions): void {
    this.hosts.set(id, new Host(amounts(totals)));
    this.#act(this.stage.register(id, totals));
  }

  play(player: Player): void {
    const { session, effects } = this.stage.subscribe(player.id, {
      role: player.role,
      needs: [...player.needs],
    });
    this.#players.set(player.id, { ...player, session });
    this.#act(effects);
  }

  run(ms: number): void {
    for (const end = this.stage.now + ms; this.stage.now < end;) {
      this.#act(this.stage.wait(10));
      for (const [id, host] of this.hosts) {
        const left = host.tasks.filter(({ endsAt }) => endsAt > this.stage.now);
        if (left.length < host.tasks.length || this.#dirty.has(id)) this.#report(id, host, left);
      }
      if (this.stage.now % 1000 === 0) this.#keepAlive();
    }
  }

  /** In thousandths. */
  usedBy(framework: string, name = "cpus"): number {
    const tasks = [...this.hosts.values()].flatMap((host) => host.tasks);
    return tasks
      .filter((task) => task.framework === framework)
      .reduce((total, { resources }) => total + (resources.scalars[name] ?? 0), 0);
  }

  /** R1 in the master's books: used + offered never exceeds total. */
  checkBooks(): void {
    for (const { info, used, offered } of this.stage.call("agents", {}).value.items)
      assert(contains(info.totals, add(used, offered)), `${info.id}: used and offered within the total`);
  }

  #report(id: string, host: Host, tasks: Task[]): void {
    host.tasks = tasks;
    this.#dirty.delete(id);
    this.#act(this.stage.report(id, host.report()));
  }

  #keepAlive(): void {
    for (const [id, host] of this.hosts) this.#act(this.stage.report(id, host.report()));
    for (const { id, session } of this.#players.values())
      this.#act(this.stage.say({ type: "sessionRenewed" }, id, { session }).effects);
  }

  #act(effects: readonly MasterEffect[]): void {
    for (const { offers } of only(effects, "sendOffers")) for (const offer of offers) this.#take(offer);
    for (const rescind of only(effects, "rescind")) {
      const host = this.hosts.get(rescind.agent)!;
      for (const number of rescind.rescind.offers) host.settle(number);
      this.#act(this.stage.answerRescind(rescind, host.report()));
    }
    this.checkBooks();
  }

  #take(offer: Offer): void {
    const { agent, framework, role, number } = offer;
    const host = this.hosts.get(agent)!;
    const player = this.#players.get(framework);
    if (player === undefined || !host.settle(number)) return;
    const task = amounts(player.task);
    let rest = offer.resources;
    for (; contains(rest, task); rest = subtract(rest, task)) {
      const endsAt = this.stage.now + player.lastsMs();
      host.tasks.push({ framework, role, resources: task, endsAt });
      assert(contains(host.totals, host.used), `R1 on ${agent}`);
    }
    host.refused.push({ framework, role, resources: rest, filterMs: 5000, offer: number });
    this.#dirty.add(agent);
  }
}

/** Numbers from 0 to 1 that look random and are the same for the same seed. */
export function sequenceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
