import assert from "node:assert/strict";
import type { Subscription } from "rxjs";
import { silentLog } from "#libs/adapters/log.js";
import { KvLease } from "#libs/machine/kv-lease.js";
import type { Lease, LeaseState } from "#libs/ports/lease.js";
import { type Node, type World, worlds } from "./worlds.js";

const leaseMs = 2000;
/** A standby looks every 150 ms; the rest is for a machine that is busy. */
const takeoverMostMs = 1000;

/** One who stands for the lease. */
interface Candidate {
  readonly lease: Lease;
  readonly states: LeaseState[];
  readonly last: () => LeaseState["state"] | undefined;
  readonly subscription: Subscription;
}

for (const kind of worlds) {
  describe(`lease over ${kind.name}`, function () {
    this.timeout(30_000);
    let world: World;
    const candidates: Candidate[] = [];

    beforeEach(async () => {
      world = await kind.open();
      candidates.length = 0;
    });
    afterEach(async () => {
      for (const { subscription } of candidates) subscription.unsubscribe();
      await world.end();
    });

    const stand = async (holder: string, node?: Node, ms = leaseMs): Promise<Candidate> => {
      const { store, clock } = node ?? (await world.node(holder));
      const lease = new KvLease({
        store,
        clock,
        log: silentLog,
        bucket: "leases",
        replicas: 1,
        name: "master",
        holder,
        leaseMs: ms,
      });
      const states: LeaseState[] = [];
      const subscription = lease.states.subscribe((state) => states.push(state));
      const candidate = { lease, states, last: () => states.at(-1)?.state, subscription };
      candidates.push(candidate);
      return candidate;
    };
    const leads = (candidate: Candidate) =>
      world.until("the lead", () => candidate.last() === "held", 10_000);
    const epochOf = ({ states }: Candidate): number => {
      const held = states.findLast((each) => each.state === "held");
      assert.ok(held?.state === "held");
      return held.epoch;
    };

    it("is held by one; the others learn by whom", async () => {
      const first = await stand("first");
      await leads(first);
      const second = await stand("second");
      await world.until("the second to stand by", () => second.last() === "standby");
      assert.deepEqual(second.states, [{ state: "standby", leader: "first" }]);
      assert.ok(first.lease.isHeld());
      assert.ok(!second.lease.isHeld());
      await world.pass(leaseMs * 2);
      assert.equal(first.last(), "held");
      assert.equal(second.last(), "standby");
    });

    it("goes to one of many who want it", async () => {
      const all = await Promise.all(["a", "b", "c", "d"].map((name) => stand(name)));
      await world.until("all to know", () => all.every((each) => each.last() !== undefined));
      await world.until("one to lead", () => all.some(({ lease }) => lease.isHeld()));
      assert.equal(all.filter(({ lease }) => lease.isHeld()).length, 1);
    });

    it("given up, it goes to the other at once, in a higher epoch", async () => {
      const first = await stand("first");
      await leads(first);
      const second = await stand("second");
      await world.until("the second to stand by", () => second.last() === "standby");
      await world.done(first.lease.release());
      assert.ok(!first.lease.isHeld());
      assert.deepEqual(first.last(), "lost");
      await world.until("the second to lead", () => second.last() === "held", takeoverMostMs);
      assert.ok(epochOf(second) > epochOf(first));
      await world.until("the first to stand by", () => first.last() === "standby", 3000);
    });

    it("unsubscribing gives it up", async () => {
      const first = await stand("first");
      await leads(first);
      const second = await stand("second");
      await world.until("the second to stand by", () => second.last() === "standby");
      first.subscription.unsubscribe();
      assert.ok(!first.lease.isHeld());
      await world.until("the second to lead", () => second.last() === "held", takeoverMostMs);
    });

    it("comes back to who gave it up when nobody else wants it", async () => {
      const only = await stand("only");
      await leads(only);
      const before = epochOf(only);
      await world.done(only.lease.release());
      await leads(only);
      assert.ok(epochOf(only) > before);
    });

    it("a higher epoch that was heard ends the term; the next is above it", async () => {
      const only = await stand("only");
      await leads(only);
      only.lease.heard(epochOf(only));
      assert.ok(only.lease.isHeld());
      only.lease.heard(1000);
      assert.ok(!only.lease.isHeld());
      assert.match(JSON.stringify(only.states.at(-1)), /epoch 1000 was heard/);
      await leads(only);
      assert.equal(epochOf(only), 1001);
    });

    it("an epoch that another led in counts as heard", async () => {
      const first = await stand("first");
      first.lease.heard(5000);
      await leads(first);
      const second = await stand("second");
      await world.until("the second to stand by", () => second.last() === "standby");
      await world.done(first.lease.release());
      await leads(second);
      assert.ok(epochOf(second) > 5000);
    });

    it("without the server it ends before another could have it, and comes back with the server", async () => {
      const node = await world.node("first");
      const first = await stand("first", node);
      await leads(first);
      const heldFrom = node.clock.now().mono;
      await world.serverDies();
      await world.until("the loss", () => first.last() === "lost", leaseMs * 2);
      assert.ok(node.clock.now().mono - heldFrom < leaseMs, "it was held too long");
      assert.ok(!first.lease.isHeld());
      await world.serverReturns();
      await leads(first);
    });

    it("a short loss of the server changes nothing", async () => {
      const first = await stand("first", undefined, 8000);
      await leads(first);
      await world.serverDies();
      await world.serverReturns();
      // Long enough for a renewal, which comes every quarter.
      await world.pass(2500);
      assert.deepEqual(
        first.states.map(({ state }) => state),
        ["held"],
      );
      assert.ok(first.lease.isHeld());
    });

    it("of one who died it goes to the next when it has run out", async () => {
      const node = await world.node("first");
      const first = await stand("first", node);
      await leads(first);
      const second = await stand("second");
      await world.until("the second to stand by", () => second.last() === "standby");
      await world.die(node);
      await world.until("the second to lead", () => second.last() === "held", leaseMs * 3);
      assert.ok(!first.lease.isHeld(), "two of them led");
    });
  });
}
