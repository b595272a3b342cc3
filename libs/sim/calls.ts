import { fail, ok, type Result } from "#protocol/result.js";
import { delay } from "#libs/ports/clock.js";
import type { SimNode } from "./node.js";
import type { SimServer } from "./server.js";

/** `disconnected`: it was not sent. `timeout`: nobody knows whether it was done. */
export type CallFailure = "disconnected" | "timeout";

/** Steps that a node has the server take: there and back over its link. Given up when the connection ends. */
export class Calls {
  readonly #node: SimNode;
  readonly #underWay = new Set<() => void>();

  constructor(node: SimNode) {
    this.#node = node;
    node.link.connection.subscribe(({ state }) => {
      if (state === "disconnected") for (const giveUp of this.#underWay) giveUp();
    });
  }

  call<T>(what: string, timeoutMs: number, step: (server: SimServer) => T): Promise<Result<T, CallFailure>> {
    const { world, link, clock, name } = this.#node;
    return new Promise((resolve) => {
      const settle = (result: Result<T, CallFailure>) => {
        this.#underWay.delete(giveUp);
        cancel();
        resolve(result);
      };
      const giveUp = () => settle(fail("timeout"));
      const sent = link.up(() => {
        world.trace.add(`${world.schedule.now} ${name} ${what}`);
        const value = step(world.server);
        link.down(() => settle(ok(value)), "answer");
      }, "call");
      if (!sent) return void clock.after(0, () => resolve(fail("disconnected")));
      const cancel = clock.after(timeoutMs, giveUp);
      this.#underWay.add(giveUp);
    });
  }

  /** For what is set up: tries for 10 s, then throws; throws at once when the server refuses it, with its words. */
  async manage<T>(what: string, step: (server: SimServer) => Result<T, string>): Promise<T> {
    const { clock } = this.#node;
    for (const giveUpAt = clock.now().mono + manageMostMs; ;) {
      const done = await this.call(what, manageMostMs, step);
      if (done.ok && done.value.ok) return done.value.value;
      if (done.ok && !done.value.ok) throw new Error(`${what}: ${done.value.error}`);
      if (clock.now().mono >= giveUpAt) throw new Error(`${what}: no answer`);
      await delay(clock, 250);
    }
  }
}

const manageMostMs = 10_000;
