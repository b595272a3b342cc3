import assert from "node:assert/strict";
import { JetStream } from "#libs/adapters/nats/jetstream.js";
import { eventually } from "#test/support/eventually.js";
import { allParties, bytes, subjects, who } from "./auth-parties.js";

describe("what is said on the bus through somebody else", function () {
  this.timeout(20_000);
  const { party, refusals } = allParties();

  it("a reply-to aimed at another's subject: the agent does not answer there, and the server would not let it", async () => {
    const agent = party("a1");
    const asked: string[] = [];
    const answering = agent.bus.messages(subjects.launchAll("a1", "kill")).subscribe((message) => {
      asked.push(message.subject);
      message.respond(bytes("{}"));
    });
    await agent.link.flush();
    const misled: string[] = [];
    const hearing = party("master")
      .bus.messages(subjects.reportAll)
      .subscribe(({ subject }) => misled.push(subject));
    await party("master").link.flush();
    // Its own report is the one thing of these that the server lets the agent say.
    const aims = [subjects.report("a1"), subjects.report("a2"), subjects.launch("a2", "theirs", "kill")];
    for (const reply of aims)
      party("mine").link.publish(subjects.launch("a1", who.mine.id, "kill"), bytes("{}"), { reply });
    const answer = await party("mine").bus.request(
      subjects.launch("a1", who.mine.id, "kill"),
      bytes("{}"),
      5000,
    );
    assert.ok(answer.ok, "an inbox is answered");
    assert.equal(asked.length, aims.length + 1);
    await agent.link.flush();
    await party("master").link.flush();
    assert.deepEqual(misled, []);
    assert.deepEqual(await refusals("a1", "publish", aims), aims.slice(1));
    answering.unsubscribe();
    hearing.unsubscribe();
  });

  it("what a stream is made to deliver where a principal should speak is dropped by who hears it", async () => {
    const { store, link } = party("mine");
    const bucket = subjects.bucket(`fw-${who.mine.id}`);
    const forged = subjects.report("a1");
    assert.ok((await store.put(bucket, "forged", bytes("a report"), 0)).ok);
    const arrived: string[] = [];
    const believed: string[] = [];
    const master = party("master");
    const stop = master.link.subscribe(forged, (message) => arrived.push(message.string()));
    const hearing = master.bus
      .messages(subjects.reportAll)
      .subscribe(({ subject }) => believed.push(subject));
    await master.link.flush();

    const consumer = {
      stream_name: `KV_${bucket}`,
      config: { ack_policy: "none", deliver_policy: "last", deliver_subject: forged },
    };
    const js = new JetStream(link);
    await js.call(`CONSUMER.CREATE.KV_${bucket}`, consumer);
    await eventually("the forged report", () => arrived.length >= 1);
    await master.link.flush();
    assert.deepEqual(believed, [], "the server delivers it; the bus does not take it");
    stop();
    hearing.unsubscribe();
  });
});
