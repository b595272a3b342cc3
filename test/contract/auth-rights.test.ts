import assert from "node:assert/strict";
import { askedBuckets } from "#libs/adapters/nats/asked-buckets.js";
import type { Principal } from "#libs/adapters/nats/auth/credentials.js";
import { JetStream } from "#libs/adapters/nats/jetstream.js";
import { NatsStore } from "#libs/adapters/nats/store.js";
import { silentLog } from "#libs/adapters/log.js";
import { makeBuckets } from "#services/master/perform-buckets.js";
import { eventually } from "#test/support/eventually.js";
import { allParties, bytes, eventStream, statusStream, subjects, who } from "./auth-parties.js";

describe("what is everyone's own on the bus", function () {
  this.timeout(20_000);
  const { parties, party, connect } = allParties();

  it("everyone can do what is its own: updates, records, leases, events", async () => {
    for (const { refused } of parties.values()) refused.clear();
    const { streams, store } = party("mine");
    const got: string[] = [];
    const consuming = streams
      .consume(statusStream, subjects.statusConsumer(who.mine.id))
      .subscribe((delivery) => {
        got.push(delivery.subject);
        delivery.acknowledge();
      });
    assert.ok((await party("a1").streams.append(subjects.status(who.mine.id, "a1"), bytes("{}"), "1")).ok);
    await eventually("the update", () => got.length === 1);
    consuming.unsubscribe();

    const bucket = subjects.bucket(`fw-${who.mine.id}`);
    const revision = await store.put(bucket, "k", bytes("v"), 0);
    assert.ok(revision.ok);
    const all = await store.entries(bucket);
    assert.deepEqual(all.ok && all.value.map(({ key }) => key), ["k"]);
    assert.ok((await store.remove(bucket, "k", revision.value)).ok);

    const events: string[] = [];
    const reading = party("gateway")
      .streams.read(eventStream, { after: 0 })
      .subscribe(({ subject }) => events.push(subject));
    party("a1").bus.publish(subjects.event("task", "a1"), bytes("{}"));
    await eventually("the event", () => events.includes(subjects.event("task", "a1")));
    reading.unsubscribe();
    for (const { refused } of parties.values()) assert.deepEqual([...refused], []);
  });

  it("a framework's bucket is made by the leader when it asks, and by nobody else", async () => {
    const fresh: Principal = { kind: "framework", id: "fresh" };
    const { link, bus } = await connect(fresh);
    const bucket = subjects.bucket("fw-fresh");
    const js = new JetStream(link);
    const asked = askedBuckets({ js, bus, subject: subjects.master("fresh", "bucket"), bucket });
    const store = new NatsStore(js, asked);
    await assert.rejects(store.ensure({ name: bucket, replicas: 1 }), /no master leads/);
    const master = party("master");
    const end = makeBuckets({ bus: master.bus, store: master.store, subjects, replicas: 1, log: silentLog });
    await master.link.flush();
    const { identity } = await store.ensure({ name: bucket, replicas: 1 });
    assert.ok((await store.put(bucket, "k", bytes("v"), 0)).ok);
    end();
    assert.deepEqual(
      await store.ensure({ name: bucket, replicas: 1 }),
      { identity },
      "it is there: nobody is asked",
    );
    await link.close();
  });
});
