import assert from "node:assert/strict";
import { Subject } from "rxjs";
import { silentLog } from "#libs/adapters/log.js";
import { standFor, type Term } from "#libs/machine/leader.js";
import { eventually } from "#test/support/eventually.js";
import type { Lease, LeaseState } from "#libs/ports/lease.js";

/** A lease that does what the test says. */
class GivenLease implements Lease {
  readonly states = new Subject<LeaseState>();
  held = false;
  released = 0;

  isHeld = (): boolean => this.held;
  heard = (): void => undefined;
  async release(): Promise<void> {
    this.released++;
    this.held = false;
  }

  give(epoch: number): void {
    this.held = true;
    this.states.next({ state: "held", epoch });
  }
  take(epoch: number): void {
    this.held = false;
    this.states.next({ state: "lost", epoch, reason: "test" });
  }
}

describe("leader", () => {
  let lease: GivenLease;
  let terms: Term[];
  let crashes: unknown[];

  beforeEach(() => {
    lease = new GivenLease();
    terms = [];
    crashes = [];
  });
  const stand = (begin: (term: Term) => void | Promise<void> = (term) => void terms.push(term)) =>
    standFor(lease, silentLog, begin, (cause) => crashes.push(cause));

  it("begins a term with the lease's epoch, and may act while the lease is held", () => {
    stand();
    lease.states.next({ state: "standby", leader: "other" });
    assert.equal(terms.length, 0);
    lease.give(4);
    assert.equal(terms[0]!.epoch, 4);
    assert.ok(terms[0]!.mayAct());
    lease.held = false;
    assert.ok(!terms[0]!.mayAct());
    assert.ok(!terms[0]!.isOver());
  });

  it("undoes what was made for a term when it ends, last one first, once", () => {
    const undone: string[] = [];
    stand((term) => {
      term.onEnd(() => undone.push("first"));
      term.onEnd(() => undone.push("second"));
      terms.push(term);
    });
    lease.give(1);
    lease.take(1);
    lease.states.next({ state: "lost", epoch: 1, reason: "again" });
    assert.deepEqual(undone, ["second", "first"]);
    assert.ok(terms[0]!.isOver());
    terms[0]!.onEnd(() => undone.push("too late"));
    assert.deepEqual(undone, ["second", "first", "too late"]);
  });

  it("a term that is over may not act, though the next one may", () => {
    stand();
    lease.give(1);
    lease.take(1);
    lease.give(2);
    assert.ok(!terms[0]!.mayAct());
    assert.ok(terms[1]!.mayAct());
  });

  it("resigning ends the term at once and gives the lease up", () => {
    stand();
    lease.give(1);
    terms[0]!.resign("somebody else wrote");
    terms[0]!.resign("again");
    assert.ok(terms[0]!.isOver());
    assert.equal(lease.released, 1);
  });

  it("stopping ends the term and gives the lease up", async () => {
    const stop = stand();
    lease.give(1);
    await stop();
    assert.ok(terms[0]!.isOver());
    assert.equal(lease.released, 1);
    assert.ok(!lease.states.observed);
  });

  it("tells of a beginning that throws, at once or later", async () => {
    const [now, later] = [new Error("now"), new Error("later")];
    let count = 0;
    stand((term) => {
      terms.push(term);
      if (++count === 1) throw now;
      return Promise.reject(later);
    });
    lease.give(1);
    lease.give(2);
    await eventually("both", () => crashes.length === 2);
    assert.deepEqual(crashes, [now, later]);
    assert.ok(terms[0]!.isOver());
  });
});
