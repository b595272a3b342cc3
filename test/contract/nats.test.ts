import assert from "node:assert/strict";
import { headers } from "nats";
import type { Log } from "#libs/ports/log.js";
import { silentLog } from "#libs/adapters/log.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What only the real server can show. */
describe("NATS itself", () => {
  let nats: NatsServer;
  const open: Connected[] = [];
  const connect = async (user = "", log: Log = silentLog, name = user || "test") => {
    const url = user === "" ? nats.url : nats.url.replace("//", `//${user}:secret@`);
    const connection = await connected(url, name, { log });
    open.push(connection);
    return connection;
  };
  afterEach(async () => {
    for (const { link } of open.splice(0)) await link.close();
    await nats.stop();
  });

  it("grants each principal its own inboxes and verbs only", async () => {
    nats = await startNats({
      configuration: `authorization { users = [
        { user: agent, password: secret, permissions: {
            publish: ["em.c.master.agent.agent.report", "_INBOX.asker.>"],
            subscribe: ["em.c.agent.agent.>", "_INBOX.agent.>"] } }
        { user: asker, password: secret, permissions: {
            publish: ["em.c.agent.agent.framework.asker.accept"], subscribe: ["_INBOX.asker.>"] } }
        { user: spy, password: secret, permissions: { publish: ["nothing"], subscribe: ["_INBOX.spy.>"] } }
      ] }`,
    });
    const complaints: string[] = [];
    const log = { ...silentLog, error: (message: string) => void complaints.push(message) };
    const agent = await connect("agent");
    const asker = await connect("asker", log);
    const spy = await connect("spy", log);
    agent.bus
      .messages("em.c.agent.agent.framework.*.accept")
      .subscribe((message) => message.respond(bytes("yes")));
    await agent.link.flush();
    const overheard: string[] = [];
    spy.bus.messages("_INBOX.asker.>").subscribe(({ subject }) => overheard.push(subject));
    await eventually("the spy to be refused", () => complaints.length > 0);

    const answer = await asker.bus.request("em.c.agent.agent.framework.asker.accept", bytes(""), 5000);
    assert.ok(answer.ok);
    const forged = await asker.bus.request("em.c.agent.agent.framework.other.accept", bytes(""), 200);
    assert.deepEqual(forged, { ok: false, error: "timeout" });
    assert.deepEqual(overheard, []);
  });

  it("says that the server refuses the credentials, instead of trying for ever", async () => {
    nats = await startNats({ configuration: "authorization { user: agent, password: right }" });
    await assert.rejects(connect("agent"), /Authorization Violation/i);
  });

  it("takes the largest message that the server takes, its headers counted, and says of a larger one that it is", async () => {
    nats = await startNats();
    const { link } = await connect();
    const sizes: number[] = [];
    link.subscribe("here", ({ data }) => sizes.push(data.length));
    const named = headers();
    named.set("Nats-Msg-Id", "…1");
    named.append("Also", "a");
    named.append("Also", "b");
    const head = Buffer.byteLength("NATS/1.0\r\nNats-Msg-Id: …1\r\nAlso: a\r\nAlso: b\r\n\r\n");

    const most = link.payloadMax - head;
    assert.equal(link.publish("here", new Uint8Array(most), { headers: named }), undefined);
    assert.equal(link.publish("here", new Uint8Array(most + 1), { headers: named }), "too-large");
    assert.equal(link.publish("here", new Uint8Array(link.payloadMax)), undefined);
    assert.equal(link.publish("here", new Uint8Array(link.payloadMax + 1)), "too-large");
    await link.flush();
    assert.deepEqual(sizes, [most, link.payloadMax]);
  });

  it("sends what a turn has published in its order, also when the link closes within the turn", async () => {
    nats = await startNats();
    const [here, there] = [await connect("", silentLog, "here"), await connect("", silentLog, "there")];
    const heard: string[] = [];
    there.link.subscribe("said", ({ data }) => heard.push(new TextDecoder().decode(data)));
    await there.link.flush();

    for (const each of ["1", "2", "3"]) here.bus.publish("said", bytes(each));
    await here.link.close();
    here.bus.publish("said", bytes("too late"));
    await eventually("all of it to be heard", () => heard.length >= 3);
    assert.deepEqual(heard, ["1", "2", "3"]);
  });

  it("goes on reading when a callback throws", async () => {
    nats = await startNats();
    const complaints: string[] = [];
    const { link, bus } = await connect("", {
      ...silentLog,
      error: (message) => void complaints.push(message),
    });
    link.subscribe("bad", () => {
      throw new Error("a bug");
    });
    let heard = 0;
    link.subscribe("good", () => heard++);
    await bus.request("nobody", bytes(""), 1000);
    bus.publish("bad", bytes(""));
    bus.publish("good", bytes(""));
    await eventually("the next message", () => heard === 1);
    assert.deepEqual(complaints, ["handling a message threw"]);
  });

  it("takes what its own tools have deleted from a bucket as not there", async () => {
    nats = await startNats();
    const { link, store } = await connect();
    const { identity } = await store.ensure({ name: "B", replicas: 1 });
    await store.put("B", "gone", bytes("1"), 0);
    await store.put("B", "kept", bytes("2"), 0);
    const tools = await link.nc.jetstream().views.kv("B");
    await tools.delete("gone");
    assert.deepEqual(await store.get("B", "gone"), { ok: true, value: undefined });
    const all = await store.entries("B");
    assert.deepEqual(all.ok && all.value.map(({ key }) => key), ["kept"]);
    assert.ok((await store.put("B", "gone", bytes("3"), 0)).ok);
    assert.equal((await tools.get("gone"))?.string(), "3");
    assert.deepEqual(await store.ensure({ name: "B", replicas: 1 }), { identity });
  });

  it("gives a bucket that was emptied, or deleted and made anew, another identity", async () => {
    nats = await startNats();
    const { link, store } = await connect();
    const config = { name: "B", replicas: 1 };
    const first = (await store.ensure(config)).identity;
    const manager = await link.nc.jetstreamManager();
    await manager.streams.purge("KV_B");
    const second = (await store.ensure(config)).identity;
    await manager.streams.delete("KV_B");
    const third = (await store.ensure(config)).identity;
    assert.equal(new Set([first, second, third]).size, 3);
  });

  it("a full queue refuses and loses nothing; a full log drops its oldest", async () => {
    nats = await startNats();
    const { streams } = await connect();
    const limits = { maxAgeMs: 3_600_000, maxBytes: 10_000, replicas: 1 };
    await streams.ensure({ name: "Q", subjects: ["q"], kind: "queue", ...limits });
    await streams.ensure({ name: "L", subjects: ["l"], kind: "log", ...limits });
    const fill = async (subject: string) => {
      const outcomes: boolean[] = [];
      for (let count = 0; count < 20; count++)
        outcomes.push((await streams.append(subject, new Uint8Array(1000), `${subject}${count}`)).ok);
      return outcomes;
    };
    const queued = await fill("q");
    assert.ok(queued[0] === true && queued.at(-1) === false, queued.join());
    assert.ok((await fill("l")).every(Boolean));
  });
});
