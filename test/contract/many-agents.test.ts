import assert from "node:assert/strict";
import { AskAgentsReply, SubscribeReply } from "#protocol/framework.js";
import { RegisterReply } from "#protocol/agent.js";
import { masterApi } from "#protocol/api.js";
import { type Codec, codec } from "#protocol/codec.js";
import { Subjects } from "#protocol/subjects.js";
import { amounts } from "#libs/core/resources.js";
import { SystemClock } from "#libs/adapters/clock.js";
import { silentLog } from "#libs/adapters/log.js";
import { SystemRandom } from "#libs/adapters/random.js";
import { HmacSealer } from "#libs/adapters/sealer.js";
import { KvLease } from "#libs/machine/kv-lease.js";
import { busApi } from "#services/gateway/bus-api.js";
import { allAgents } from "#services/gateway/lists.js";
import { runMaster } from "#services/master/service.js";
import { defaultSettings } from "#services/master/settings.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";

const subjects = new Subjects("c");
const clock = new SystemClock();
const count = 3000;
const name = (index: number): string => `agent-${String(index).padStart(5, "0")}.zone-1.example.net`;
const names = Array.from({ length: count }, (_, index) => name(index));

/** What would be one message of more than the server takes: the master's lists on a real server, as the gateway and a framework ask. */
describe("a master of 3,000 agents over NATS", () => {
  let nats: NatsServer;
  let peer: Connected;
  const ends: (() => Promise<void>)[] = [];

  before(async function () {
    this.timeout(60_000);
    nats = await startNats();
    ends.push(() => nats.stop());
    peer = await connected(nats.url, "peer");
    ends.push(() => peer.link.close());
    const { link, bus, streams, store } = await connected(nats.url, "master");
    ends.push(() => link.close());
    const world = { bus, streams, store, clock, random: new SystemRandom(), log: silentLog };
    const lease = (called: string, holder: string) =>
      new KvLease({
        store,
        clock,
        log: silentLog,
        bucket: subjects.bucket("leases"),
        replicas: 1,
        name: called,
        holder,
      });
    // Nobody reports here: it is about lists, not about silence.
    const settings = { ...defaultSettings, agentTimeoutMs: 600_000, sessionTimeoutMs: 600_000 };
    const stop = runMaster(
      { ...world, sealer: new HmacSealer("key"), lease },
      { subjects, replicas: 1, settings },
      (cause) => assert.fail(String(cause)),
    );
    ends.push(stop);
    await busApi(peer.bus, subjects, clock).call(masterApi.leader, {}, { leaderWaitMs: 20_000 });
    for (let from = 0; from < count; from += 250)
      await Promise.all(names.slice(from, from + 250).map((id) => register(id)));
  });

  after(async () => {
    for (const end of ends.toReversed()) await end();
  });

  const ask = async <T>(subject: string, message: object, replies: Codec<T>): Promise<T> => {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    const answer = await peer.bus.request(subject, bytes, 5000);
    assert.ok(answer.ok, `${subject}: ${JSON.stringify(answer)}`);
    const reply = replies.decode(answer.value);
    assert.ok(reply.ok, JSON.stringify(reply));
    return reply.value;
  };

  async function register(id: string): Promise<void> {
    const use = [{ framework: "f", role: "r", resources: amounts({ cpus: 1 }), tasks: 1 }];
    const report = { agent: id, generation: 1, sequence: 1, epoch: 0, use, settled: [], refused: [] };
    const info = {
      id,
      host: "10.0.0.1",
      version: "1",
      totals: amounts({ cpus: 4, mem: 8192, disk: 100_000, ports: [[31000, 32000]] }),
      attributes: { rack: "a", zone: "zone-1" },
      executors: [{ kind: "process", version: "1", warnings: [] }],
      warnings: [],
    };
    const message = { bootId: "b", report, info };
    const { ok } = await ask(subjects.register(id), message, codec(RegisterReply));
    assert.ok(ok, id);
  }

  it("the gateway has all of them", async () => {
    const agents = await allAgents(busApi(peer.bus, subjects, clock));
    assert.ok(JSON.stringify(agents).length > 1024 * 1024, "one message would do");
    assert.deepEqual(
      agents.map(({ info }) => info.id),
      names,
    );
  });

  it("an explanation comes through, of all and of one", async () => {
    const api = busApi(peer.bus, subjects, clock);
    const need = { resources: amounts({ cpus: 8 }), constraints: [] };
    const demand = { about: "/demo/web", framework: "f", need, waiting: [], wanted: 1, running: 0 };
    const all = await api.call(masterApi.explain, demand);
    assert.deepEqual([all.agents, all.perAgent.length, all.leftOut], [count, 200, count - 200]);
    const one = await api.call(masterApi.explain, { ...demand, agent: name(2999) });
    assert.deepEqual(one.perAgent, [{ agent: name(2999), reason: "cpus: 8 asked, 4 in all" }]);
  });

  it("a framework with tasks on each hears of each", async () => {
    const subscribe = { framework: "f", role: "r", needs: [], suppressed: true };
    const reply = await ask(subjects.master("f", "subscribe"), subscribe, codec(SubscribeReply));
    assert.ok(reply.ok);
    const heard = [...reply.agents];
    for (let more = reply.more === true; more;) {
      const message = { session: reply.session, agents: [], after: heard.at(-1)!.agent };
      const next = await ask(subjects.master("f", "agents"), message, codec(AskAgentsReply));
      assert.ok(next.ok);
      heard.push(...next.agents);
      more = next.more === true;
    }
    assert.deepEqual(
      heard.map(({ agent }) => agent),
      names,
    );
  });
});
