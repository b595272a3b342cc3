import assert from "node:assert/strict";
import { Container } from "inversify";
import type { RegisterReply, Report, RescindReply } from "#protocol/agent.js";
import type { FrameworkEvent, SubscribeReply } from "#protocol/framework.js";
import type { Offer, Session } from "#protocol/offer.js";
import { Subjects } from "#protocol/subjects.js";
import { amounts } from "#libs/core/resources.js";
import { simModule } from "#libs/sim/module.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimWorld } from "#libs/sim/world.js";
import { master, masterModule, type StartMaster } from "#services/master/module.js";

const subjects = new Subjects("test");
const bytes = (message: object): Uint8Array => new TextEncoder().encode(JSON.stringify(message));
const read = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

/** A world with masters, and a client that speaks as an agent and as a framework. */
class Cluster {
  readonly world = new SimWorld({ seed: "master" });
  readonly client = this.world.node("client");
  readonly events: FrameworkEvent[] = [];

  start(name: string): SimNode {
    const node = this.world.node(name);
    const container = new Container();
    container.load(simModule(node), masterModule({ cluster: "test", name }));
    container.get<StartMaster>(master)((cause) => {
      throw cause;
    });
    return node;
  }

  async ask<T>(subject: string, message: object): Promise<T> {
    const answer = await this.world.settled(this.client.bus.request(subject, bytes(message), 5000));
    assert(answer.ok, `${subject}: ${JSON.stringify(answer)}`);
    return read<T>(answer.value);
  }

  call(name: string, request: object = {}): Promise<any> {
    return this.ask(subjects.api("master", name), request);
  }

  async leads(name: string): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const asking = this.client.bus.request(subjects.api("master", "leader"), bytes({}), 500);
      const answer = await this.world.settled(asking);
      if (answer.ok && read<any>(answer.value).value?.master === name) return;
      await this.world.runFor(100);
    }
    assert.fail(`${name} does not lead`);
  }

  register(agent: string, generation = 1): Promise<RegisterReply> {
    return this.ask(subjects.register(agent), {
      bootId: "b",
      report: this.report(agent, generation),
      info: {
        id: agent,
        host: "h",
        version: "1",
        totals: amounts({ cpus: 4, mem: 1000 }),
        attributes: {},
        executors: [],
        warnings: [],
      },
    });
  }

  #sequence = 0;
  report(agent: string, generation = 1, settled: number[] = []): Report {
    return { agent, generation, sequence: ++this.#sequence, epoch: 0, use: [], settled, refused: [] };
  }

  async subscribe(framework: string): Promise<Session> {
    this.client.bus.messages(subjects.frameworkEventAll(framework)).subscribe((message) => {
      this.events.push(read<FrameworkEvent>(message.bytes));
      message.respond(bytes({}));
    });
    const message = { framework, role: "r", needs: [], suppressed: false };
    const reply = await this.ask<SubscribeReply>(subjects.master(framework, "subscribe"), message);
    assert(reply.ok);
    return reply.session;
  }

  get offers(): { offer: Offer; body: string; seal: string }[] {
    return this.events.flatMap((event) =>
      event.type === "offers"
        ? event.offers.map((sealed) => ({ ...sealed, offer: JSON.parse(sealed.body) }))
        : [],
    );
  }

  rescindsTo(agent: string): number[][] {
    const asked: number[][] = [];
    this.client.bus.messages(subjects.rescind(agent)).subscribe((message) => {
      const { offers } = read<{ offers: number[] }>(message.bytes);
      asked.push(offers);
      const reply: RescindReply = { ok: true, report: this.report(agent, 1, offers) };
      message.respond(bytes(reply));
    });
    return asked;
  }
}

describe("a master process", () => {
  it("leads, registers, and sends offers that the agent's key has sealed", async () => {
    const cluster = new Cluster();
    cluster.start("m1");
    await cluster.leads("m1");
    const reply = await cluster.register("a");
    assert(reply.ok);
    const session = await cluster.subscribe("f");
    await cluster.world.runUntil("an offer", () => cluster.offers.length > 0, 100);
    const [{ offer, body, seal }] = cluster.offers as [Cluster["offers"][0]];
    assert.deepEqual(
      [offer.agent, offer.framework, offer.session, offer.epoch],
      ["a", "f", session, reply.epoch],
    );
    const { sealer } = cluster.client;
    assert(sealer.matches(sealer.agentKey("a"), body, seal));
  });

  it("makes the framework's consumer and the streams before it answers a subscription", async () => {
    const cluster = new Cluster();
    cluster.start("m1");
    await cluster.leads("m1");
    await cluster.subscribe("f");
    const stored = cluster.client.streams.append(subjects.status("f", "a"), bytes({ an: "update" }), "1");
    assert.equal((await cluster.world.settled(stored)).ok, true);
    const updates: string[] = [];
    cluster.client.streams
      .consume(subjects.statusStream, subjects.statusConsumer("f"))
      .subscribe((delivery) => updates.push(delivery.subject));
    await cluster.world.runUntil("the update", () => updates.length === 1, 5000);
  });

  it("rescinds what a framework declines, and what a session without a listener got", async () => {
    const cluster = new Cluster();
    cluster.start("m1");
    await cluster.leads("m1");
    const asked = cluster.rescindsTo("a");
    await cluster.register("a");
    const session = await cluster.subscribe("f");
    await cluster.world.runUntil("an offer", () => cluster.offers.length > 0, 100);
    const { epoch, number } = cluster.offers[0]!.offer;
    const message = { session, offers: [`${epoch}.${number}@a`], filterMs: 1000 };
    assert.deepEqual(await cluster.ask(subjects.master("f", "decline"), message), { ok: true });
    await cluster.world.runUntil("the rescind", () => asked.length === 1, 100);
    const deaf = { framework: "g", role: "r", needs: [], suppressed: false };
    await cluster.ask(subjects.master("g", "subscribe"), deaf);
    await cluster.world.runUntil("the other rescind", () => asked.length === 2, 6000);
    assert.deepEqual(asked, [[1], [2]]);
    await cluster.world.runUntil("the filter to expire", () => cluster.offers.length === 2, 2000);
  });

  it("answers what does not decode with the faults", async () => {
    const cluster = new Cluster();
    cluster.start("m1");
    await cluster.leads("m1");
    const { error } = await cluster.call("setRole", { name: "r", weight: -1 });
    assert.equal(error.code, "invalid");
    assert.deepEqual(
      error.faults.map(({ path }: { path: string }) => path),
      ["/weight"],
    );
  });

  it("dies, and the standby takes over in a higher epoch with what was known and heard", async () => {
    const cluster = new Cluster();
    const first = cluster.start("m1");
    await cluster.leads("m1");
    const before = await cluster.register("a");
    assert(before.ok);
    await cluster.call("setRole", { name: "r", weight: 2 });
    await cluster.call("setRole", { name: "taken-back", weight: 5 });
    await cluster.call("removeRole", { name: "taken-back" });
    cluster.start("m2");
    await cluster.world.runFor(100);
    const use = [{ framework: "f", role: "r", resources: amounts({ cpus: 1 }), tasks: 1 }];
    cluster.client.bus.publish(subjects.report("a"), bytes({ ...cluster.report("a"), use }));
    await cluster.world.runFor(100);
    first.crash();
    await cluster.leads("m2");
    const {
      value: { items: agents },
    } = await cluster.call("agents");
    assert.deepEqual(
      agents.map(({ state, used }: { state: string; used: unknown }) => [state, used]),
      [["awaited", amounts({ cpus: 1 })]],
    );
    const { value: roles } = await cluster.call("roles");
    assert.deepEqual(
      roles.items.map(({ name, weight }: { name: string; weight: number }) => [name, weight]),
      [["r", 2]],
    );
    const after = await cluster.register("a", 2);
    assert(after.ok && after.epoch > before.epoch);
  });

  it("steps down when an agent has heard of a higher epoch, and leads again above it", async () => {
    const cluster = new Cluster();
    cluster.start("m1");
    await cluster.leads("m1");
    await cluster.register("a");
    cluster.client.bus.publish(subjects.report("a"), bytes({ ...cluster.report("a"), epoch: 500 }));
    await cluster.world.runFor(100);
    await cluster.leads("m1");
    const { value } = await cluster.call("leader");
    assert(value.epoch > 500, `epoch ${value.epoch}`);
  });
});
