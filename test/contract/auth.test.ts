import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority } from "#libs/adapters/nats/auth/authority.js";
import { askedBuckets } from "#libs/adapters/nats/asked-buckets.js";
import { type Principal, principalText } from "#libs/adapters/nats/auth/credentials.js";
import { JetStream } from "#libs/adapters/nats/jetstream.js";
import { NatsStore } from "#libs/adapters/nats/store.js";
import { silentLog } from "#libs/adapters/log.js";
import { makeBuckets } from "#services/master/perform-buckets.js";
import { Subjects } from "#protocol/subjects.js";
import { selfSigned } from "#test/support/certificate.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const authority = new Authority("c", "a secret that nobody knows");
const issuedAt = 1_700_000_000;
const subjects = new Subjects("c");
const { statusStream, eventStream } = subjects;

interface Party extends Connected {
  /** `publish em.c.…`: what the server has not let it do. */
  readonly refused: Set<string>;
}

const who = {
  master: { kind: "master", id: "master" },
  gateway: { kind: "gateway", id: "gateway" },
  a1: { kind: "agent", id: "a1" },
  a2: { kind: "agent", id: "a2" },
  mine: { kind: "framework", id: "Mine.1" },
  theirs: { kind: "framework", id: "theirs" },
  apps: { kind: "apps", id: "apps" },
} as const satisfies Record<string, Principal>;
type Name = keyof typeof who;

describe("who may say what on the bus", function () {
  this.timeout(20_000);
  let nats: NatsServer;
  const parties = new Map<Name, Party>();
  const party = (name: Name): Party => parties.get(name)!;

  const connect = async (principal: Principal): Promise<Party> => {
    const refused = new Set<string>();
    const error = (_: string, fields: { operation?: string; subject?: string } = {}) =>
      void (fields.operation !== undefined && refused.add(`${fields.operation} ${fields.subject}`));
    const credentials = authority.credentials(principal, issuedAt);
    const opened = await connected(nats.url, principalText(principal), {
      log: { ...silentLog, error },
      credentials,
    });
    return { ...opened, refused };
  };

  before(async () => {
    nats = await startNats({ configuration: authority.serverConfiguration(issuedAt) });
    for (const [name, principal] of Object.entries(who)) parties.set(name as Name, await connect(principal));
    const { streams, store } = party("master");
    const limits = { maxAgeMs: 3_600_000, maxBytes: 1_000_000, replicas: 1 };
    await streams.ensure({ name: statusStream, subjects: [subjects.statusAll], kind: "queue", ...limits });
    await streams.ensure({ name: eventStream, subjects: [subjects.eventAll], kind: "log", ...limits });
    await store.ensure({ name: subjects.bucket("leases"), replicas: 1, ttlMs: 60_000 });
    for (const { id } of [who.mine, who.theirs, who.apps]) {
      await store.ensure({ name: subjects.bucket(`fw-${id}`), replicas: 1 });
      await streams.ensureConsumer(statusStream, subjects.statusConsumer(id), subjects.statusOf(id));
    }
  });
  after(async () => {
    for (const { link } of parties.values()) await link.close();
    await nats.stop();
  });

  /** What the server refuses of these, each tried once. */
  async function refusals(name: Name, operation: "publish" | "subscription", tried: readonly string[]) {
    const { link, refused } = party(name);
    refused.clear();
    for (const subject of tried) {
      if (operation === "publish") link.publish(subject, bytes("{}"));
      else link.subscribe(subject, () => undefined)();
    }
    // The server's words come in order; the client tells of them one turn later.
    await link.nc.flush();
    await new Promise((turn) => setImmediate(turn));
    return tried.filter((subject) => refused.has(`${operation} ${subject}`));
  }

  const forgeries: readonly (readonly [Name, string, readonly string[]])[] = [
    ["a1", "a report or registration of another agent", [subjects.report("a2"), subjects.register("a2")]],
    ["mine", "a report", [subjects.report("a1"), subjects.register("a1")]],
    ["gateway", "a report", [subjects.report("a1")]],
    ["mine", "an offer", [subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 })]],
    ["a1", "an offer", [subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 })]],
    ["gateway", "an offer", [subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 })]],
    ["mine", "a leader's announcement", [subjects.leader]],
    ["mine", "a rescind or a removal", [subjects.rescind("a1"), subjects.removeFramework("a1")]],
    [
      "mine",
      "another's accept, kill, reconcile",
      (["accept", "kill", "reconcile"] as const).map((verb) => subjects.launch("a1", "theirs", verb)),
    ],
    [
      "a2",
      "an accept or a kill",
      [subjects.launch("a1", "theirs", "accept"), subjects.launch("a1", "theirs", "kill")],
    ],
    [
      "gateway",
      "a kill",
      [subjects.launch("a1", "theirs", "kill"), subjects.launch("a1", "gateway", "kill")],
    ],
    [
      "mine",
      "another's word to the leader",
      (["bucket", "subscribe", "renew", "decline", "revive", "suppress", "agents"] as const).map((verb) =>
        subjects.master("theirs", verb),
      ),
    ],
    ["mine", "a status", [subjects.status("theirs", "a1"), subjects.status(who.mine.id, "a1")]],
    ["a2", "another agent's status", [subjects.status("theirs", "a1")]],
    ["a2", "what happened on another agent", [subjects.event("task", "a1"), subjects.event("agent", "a1")]],
    [
      "mine",
      "the view of another's sandbox",
      [subjects.sandbox("a1", "theirs"), subjects.sandbox("a1", "gateway")],
    ],
    ["mine", "a call of the API", [subjects.api("apps", "deploy"), subjects.api("master", "agents")]],
    [
      "mine",
      "what happened elsewhere",
      [subjects.event("app", "/x"), subjects.event("agent", "a1"), subjects.event("framework", "theirs")],
    ],
    [
      "mine",
      "an answer to somebody else",
      ["_INBOX.framework.theirs.x", "_INBOX.gateway.gateway.x", "_INBOX.agent.a1.x"],
    ],
    ["a1", "an answer to another agent", ["_INBOX.agent.a2.x"]],
    [
      "mine",
      "a record of another's",
      [`$KV.${subjects.bucket("fw-theirs")}.x`, `$KV.${subjects.bucket("master")}.x`],
    ],
    [
      "mine",
      "another's lease",
      [`$KV.${subjects.bucket("leases")}.fw-theirs`, `$KV.${subjects.bucket("leases")}.master`],
    ],
    ["apps", "another's lease", [`$KV.${subjects.bucket("leases")}.master`]],
  ];
  for (const [name, what, tried] of forgeries)
    it(`the server lets ${principalText(who[name])} not forge ${what}`, async () => {
      assert.deepEqual(await refusals(name, "publish", tried), tried);
    });

  const eavesdropping: readonly (readonly [Name, string, readonly string[]])[] = [
    ["mine", "updates of another framework", [subjects.statusOf("theirs"), subjects.statusAll]],
    ["mine", "offers to another", [subjects.frameworkEventAll("theirs")]],
    [
      "mine",
      "what others ask of agents",
      [subjects.launchAll("a1", "accept"), subjects.launch("a1", "theirs", "accept")],
    ],
    [
      "a1",
      "what others ask of another agent",
      [subjects.launchAll("a2", "accept"), subjects.rescind("a2"), subjects.sandboxAll("a2")],
    ],
    ["mine", "calls of the API, as if it served them", [subjects.api("apps", "deploy")]],
    ["apps", "calls of another service", [subjects.api("jobs", "list"), subjects.api("master", "agents")]],
    ["mine", "answers to others, and everything", ["_INBOX.>", "_INBOX.framework.theirs.>", ">", "em.c.>"]],
    ["gateway", "answers to others", ["_INBOX.master.>", "_INBOX.framework.*.>"]],
    ["a1", "reports of others", [subjects.reportAll]],
  ];
  for (const [name, what, tried] of eavesdropping)
    it(`the server lets ${principalText(who[name])} not hear ${what}`, async () => {
      assert.deepEqual(await refusals(name, "subscription", tried), tried);
    });

  it("the server lets a framework, an agent and a gateway not reach into JetStream beyond their own", async () => {
    const theirBucket = `KV_${subjects.bucket("fw-theirs")}`;
    const ownBucket = `KV_${subjects.bucket(`fw-${who.mine.id}`)}`;
    const api = (verbs: readonly string[], of: string) => verbs.map((verb) => `$JS.API.${verb}.${of}`);
    const manage = ["STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.SNAPSHOT"];
    const read = ["STREAM.MSG.GET", "STREAM.MSG.DELETE", "CONSUMER.CREATE", "DIRECT.GET", "CONSUMER.NAMES"];
    const consumer = ["CONSUMER.DURABLE.CREATE", "CONSUMER.CREATE", "CONSUMER.MSG.NEXT", "CONSUMER.DELETE"];
    const beyond = [
      ...[statusStream, eventStream, theirBucket, "anything"].flatMap((each) =>
        api([...manage, ...read], each),
      ),
      ...api(consumer, `${statusStream}.${subjects.statusConsumer("theirs")}`),
      `$JS.ACK.${statusStream}.${subjects.statusConsumer("theirs")}.1.1.1.1.0`,
      ...api(["STREAM.MSG.DELETE"], `KV_${subjects.bucket("leases")}`),
    ];
    const framework = [
      ...beyond,
      // Who makes a stream says which subjects it keeps.
      ...api(["STREAM.CREATE", "STREAM.UPDATE"], ownBucket),
      // Who makes a consumer says which updates are in it.
      ...api(
        ["CONSUMER.DURABLE.CREATE", "CONSUMER.CREATE", "CONSUMER.DELETE"],
        `${statusStream}.${subjects.statusConsumer(who.mine.id)}`,
      ),
    ];
    assert.deepEqual(await refusals("mine", "publish", framework), framework);
    assert.deepEqual(await refusals("a1", "publish", beyond), beyond);
    const ofEvents = new Set(api(["CONSUMER.CREATE"], eventStream));
    const gateway = beyond.filter((each) => !ofEvents.has(each));
    assert.deepEqual(await refusals("gateway", "publish", gateway), gateway);
  });

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
    await master.link.nc.flush();
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

  it("a reply-to aimed at another's subject: the agent does not answer there, and the server would not let it", async () => {
    const agent = party("a1");
    const asked: string[] = [];
    const answering = agent.bus.messages(subjects.launchAll("a1", "kill")).subscribe((message) => {
      asked.push(message.subject);
      message.respond(bytes("{}"));
    });
    await agent.link.nc.flush();
    const misled: string[] = [];
    const hearing = party("master")
      .bus.messages(subjects.reportAll)
      .subscribe(({ subject }) => misled.push(subject));
    await party("master").link.nc.flush();
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
    await agent.link.nc.flush();
    await party("master").link.nc.flush();
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
    await master.link.nc.flush();

    const consumer = {
      stream_name: `KV_${bucket}`,
      config: { ack_policy: "none", deliver_policy: "last", deliver_subject: forged },
    };
    const js = new JetStream(link);
    await js.call(`CONSUMER.CREATE.KV_${bucket}`, consumer);
    await eventually("the forged report", () => arrived.length >= 1);
    await master.link.nc.flush();
    assert.deepEqual(believed, [], "the server delivers it; the bus does not take it");
    stop();
    hearing.unsubscribe();
  });
});

describe("credentials of the bus", function () {
  this.timeout(20_000);
  let nats: NatsServer;
  afterEach(() => nats.stop());
  const agent: Principal = { kind: "agent", id: "a1" };

  it("are asked for; those of another cluster's key or name are none", async () => {
    nats = await startNats({ configuration: authority.serverConfiguration(issuedAt) });
    const others = [
      new Authority("c", "the secret of another one"),
      new Authority("d", "a secret that nobody knows"),
    ];
    await assert.rejects(connected(nats.url, "nobody"), /Authorization Violation/i);
    for (const other of others)
      await assert.rejects(
        connected(nats.url, "stranger", { credentials: other.credentials(agent, issuedAt) }),
        /Authorization Violation/i,
      );
  });

  it("that are revoked do not count once the server knows; what is issued later does", async () => {
    nats = await startNats({ configuration: authority.serverConfiguration(issuedAt) });
    const old = authority.credentials(agent, issuedAt);
    const { link } = await connected(nats.url, "a1", { credentials: old });
    const revoked = { [authority.publicKey(agent)]: issuedAt };
    await nats.reload(authority.serverConfiguration(issuedAt + 1, revoked));
    await eventually("the connection to end", () => !link.isConnected);
    await link.close();
    await assert.rejects(connected(nats.url, "a1", { credentials: old }), /Authorization Violation/i);
    const anew = await connected(nats.url, "a1", { credentials: authority.credentials(agent, issuedAt + 1) });
    await anew.link.close();
  });

  it("go over an encrypted connection whose server the authority vouches for, or not at all", async () => {
    const { cert, key } = selfSigned();
    const directory = mkdtempSync(join(tmpdir(), "emporion-tls-"));
    writeFileSync(join(directory, "cert.pem"), cert);
    writeFileSync(join(directory, "key.pem"), key);
    const flags = ["--tls", "--tlscert", join(directory, "cert.pem"), "--tlskey", join(directory, "key.pem")];
    nats = await startNats({ flags });
    // The client looks at the name in the certificate: an address it takes for localhost's.
    const url = nats.url.replace("127.0.0.1", "localhost");
    rmSync(directory, { recursive: true });
    const { link } = await connected(url, "a1", { tls: { ca: cert } });
    assert.ok(link.isConnected);
    await link.close();
    const causes: unknown[] = [];
    const warn = (_: string, fields: { cause?: string } = {}) => void causes.push(fields.cause);
    const other = { ca: selfSigned().cert };
    void connected(url, "a1", { tls: other, log: { ...silentLog, warn } });
    await eventually("the reason", () => causes.some((cause) => /certificate/.test(String(cause))));
  });
});
