import assert from "node:assert/strict";
import { Subject, type Subscription } from "rxjs";
import { paced } from "#libs/machine/paced.js";
import type { Cancel, Clock } from "#libs/ports/clock.js";

/** Time passes only by work; what is to come after 0 ms comes with the next turn. */
class WorkClock implements Clock {
  mono = 0;
  #next = new Set<() => void>();

  now() {
    return { mono: this.mono, wall: 0 };
  }

  after(ms: number, call: () => void): Cancel {
    assert.equal(ms, 0);
    this.#next.add(call);
    return () => void this.#next.delete(call);
  }

  get isQuiet(): boolean {
    return this.#next.size === 0;
  }

  turn(): void {
    const calls = this.#next;
    this.#next = new Set();
    for (const call of calls) call();
  }
}

describe("pacing", () => {
  const workMs = 10;
  let clock: WorkClock;
  let requests: Subject<string>;
  let served: string[];
  let subscription: Subscription;

  beforeEach(() => {
    clock = new WorkClock();
    requests = new Subject();
    served = [];
    const keyOf = (request: string) => request.split(" ")[0]!;
    subscription = requests
      .pipe(paced({ clock, keyOf, patienceMs: 1000, sliceMs: 50 }))
      .subscribe((request) => {
        served.push(request);
        clock.mono += workMs;
      });
  });

  const ask = (...names: string[]) => names.forEach((name) => requests.next(name));
  const many = (count: number) => Array.from({ length: count }, (_, n) => `a${n}`);
  /** The whole line, without anything else in between. */
  const serveAll = () => {
    while (!clock.isQuiet) clock.turn();
  };

  it("serves the first at once, and those that come with it in the next turns, in their order", () => {
    ask(...many(20));
    assert.deepEqual(served, ["a0"]);
    clock.turn();
    assert.deepEqual(served, many(6));
    serveAll();
    assert.deepEqual(served, many(20));
  });

  it("leaves nothing to be done in a turn without requests", () => {
    ask("a");
    serveAll();
    ask("b");
    assert.deepEqual(served, ["a", "b"]);
    serveAll();
    assert.equal(clock.isQuiet, true);
  });

  it("serves the latest first when the first has waited for half of the patience", () => {
    ask(...many(60));
    serveAll();
    // Those after a0 came 10 ms later, each takes 10 ms: a52 has waited for more than 500.
    assert.deepEqual(served.slice(0, 52), many(52));
    assert.deepEqual(served.slice(52), many(60).slice(52).toReversed());
  });

  it("drops who has waited for longer than the patience: he has given up", () => {
    ask(...many(200));
    serveAll();
    assert.equal(served.length, 102);
    ask("late");
    serveAll();
    assert.deepEqual(served.slice(102), ["late"]);
  });

  it("serves the latest of what one has asked", () => {
    ask("first", "a 1", "b 1", "a 2", "a 3");
    serveAll();
    assert.deepEqual(served, ["first", "b 1", "a 3"]);
  });

  it("serves nobody any more when nobody listens", () => {
    ask(...many(20));
    subscription.unsubscribe();
    assert.equal(clock.isQuiet, true);
    assert.equal(requests.observed, false);
    assert.deepEqual(served, ["a0"]);
  });
});
