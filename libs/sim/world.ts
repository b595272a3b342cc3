import { type NodeOptions, SimNode } from "./node.js";
import { SeededRandom } from "./random.js";
import { Schedule } from "./schedule.js";
import { SimServer } from "./server.js";
import { Trace } from "./trace.js";

export interface SimWorldOptions {
  /** The same seed and the same scenario give the same run, event for event. */
  readonly seed: string | number;
  /** The trace is for people: with what the messages say. It takes more time, and nothing else changes. */
  readonly detailed?: boolean;
}

/**
 * A whole cluster's outside world in one process: one server, nodes, virtual time, chance from a seed. Nothing happens but in the
 * `run…` calls, which let one event after the other happen, and what it sets off settle before the next.
 */
export class SimWorld {
  readonly seed: string;
  readonly schedule = new Schedule();
  readonly trace: Trace;
  readonly random: SeededRandom;
  readonly server: SimServer;
  /** The world's wall clock at its beginning. */
  readonly wallAtStart = Date.UTC(2026, 0, 1);
  readonly #nodes = new Map<string, { readonly node: SimNode; readonly incarnation: number }>();
  /** Somebody has set a wall clock. */
  clocksWereSet = false;
  #isServerUp = true;
  /** Events in a row without any time between them. */
  #standing = 0;

  constructor({ seed, detailed = false }: SimWorldOptions) {
    this.trace = new Trace(detailed);
    this.seed = String(seed);
    this.random = new SeededRandom(this.seed);
    this.server = new SimServer(
      this.schedule,
      this.random.fork("server"),
      () => this.wallAtStart + this.schedule.now,
    );
  }

  get isServerUp(): boolean {
    return this.#isServerUp;
  }

  /** A new process. One of the same name must have crashed before. */
  node(name: string, options: NodeOptions = {}): SimNode {
    const former = this.#nodes.get(name);
    if (former?.node.isAlive === true) throw new Error(`node ${name} is alive: crash it first`);
    const incarnation = (former?.incarnation ?? 0) + 1;
    const node = new SimNode(this, name, incarnation, options);
    this.#nodes.set(name, { node, incarnation });
    this.trace.add(`${this.schedule.now} ${name} starts`);
    return node;
  }

  /** Those alive, in the order of their first start. */
  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()].map(({ node }) => node).filter(({ isAlive }) => isAlive);
  }

  /** kill -9 of the server; what is durable stays. */
  serverDies(): void {
    if (!this.#isServerUp) return;
    this.#isServerUp = false;
    this.trace.add(`${this.schedule.now} server dies`);
    this.server.forgetConnections();
    for (const { link } of this.nodes) link.serverDied();
  }

  serverReturns(): void {
    if (this.#isServerUp) return;
    this.#isServerUp = true;
    this.trace.add(`${this.schedule.now} server returns`);
    for (const { link } of this.nodes) link.serverReturned();
  }

  /** Everything that is due within so long. */
  async runFor(ms: number): Promise<void> {
    const until = this.schedule.now + ms;
    await settle();
    for (let next = this.schedule.next(); next !== undefined && next <= until; next = this.schedule.next())
      await this.#step();
    this.schedule.advanceTo(until);
  }

  /** Until the condition gives something that is neither false nor undefined, looked at after each event. Throws after `limitMs` of virtual time, 60 s unless given. */
  async runUntil<T>(what: string, condition: () => T | undefined | false, limitMs = 60_000): Promise<T> {
    const limit = this.schedule.now + limitMs;
    await settle();
    for (;;) {
      const found = condition();
      if (found !== undefined && found !== false) return found;
      const next = this.schedule.next();
      if (next === undefined || next > limit) throw new Error(this.#inVain(what, limitMs, next));
      await this.#step();
    }
  }

  /** Until the promise is settled; gives its outcome. */
  async settled<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    void promise.catch(() => undefined).finally(done);
    await this.runUntil("a promise to be settled", () => isSettled, limitMs);
    return promise;
  }

  async #step(): Promise<void> {
    const before = this.schedule.now;
    this.schedule.step();
    this.#standing = this.schedule.now === before ? this.#standing + 1 : 0;
    if (this.#standing > standingMost) throw new Error(this.#inVain("time to pass", 0, before));
    await settle();
  }

  #inVain(what: string, limitMs: number, next: number | undefined): string {
    const why = next === undefined ? "nothing will happen any more" : `${limitMs} ms passed`;
    const story = this.trace.lines(30).join("\n  ");
    return `seed ${this.seed}: waited in vain for ${what}: ${why}\n  ${story}`;
  }
}

/** More events than this at one moment are no coincidence: somebody asks to be woken now, again and again. */
const standingMost = 20_000;

/** All promise callbacks that an event has set off, and those that they set off, run before the next event. */
const settle = (): Promise<void> => new Promise((done) => void setImmediate(done));
