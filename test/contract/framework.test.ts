import assert from "node:assert/strict";
import { type Static, Type } from "typebox";
import { type ApiCall, apiCall } from "#protocol/api.js";
import { SystemRandom } from "#libs/adapters/random.js";
import { silentLog } from "#libs/adapters/log.js";
import { carve, needOf } from "#libs/framework/carve.js";
import { FrameworkMachine } from "#libs/framework/machine.js";
import { runFramework, runService } from "#libs/framework/runtime.js";
import { isLast, type Scheduler } from "#libs/framework/scheduler.js";
import { serveApi } from "#libs/framework/serve.js";
import type {
  Answer,
  Called,
  FrameworkPorts,
  Service,
  ServedApi,
  ServiceTerm,
} from "#libs/framework/service.js";
import { KvLease } from "#libs/machine/kv-lease.js";
import { Peers } from "./framework-peers.js";
import { type Node, type World, worlds } from "./worlds.js";

const options = { id: "test", role: "role" };

for (const kind of worlds) {
  describe(`framework over ${kind.name}`, () => {
    let world: World;
    let peers: Peers;
    const stops: (() => Promise<void>)[] = [];
    const crashes: unknown[] = [];

    beforeEach(async () => {
      world = await kind.open();
      peers = new Peers(await world.node("peers"), "c", ["a", "b"]);
      await world.done(peers.start());
      crashes.length = 0;
    });
    afterEach(async () => {
      for (const stop of stops.splice(0)) await world.done(stop());
      await world.end();
    });

    const portsOf = ({ bus, store, streams, clock }: Node): FrameworkPorts => ({
      bus,
      store,
      streams,
      clock,
      subjects: peers.subjects,
      random: new SystemRandom(),
      log: silentLog,
      lease: (name, holder) =>
        new KvLease({
          store,
          clock,
          log: silentLog,
          bucket: "leases",
          replicas: 1,
          name,
          holder,
          leaseMs: 1000,
        }),
    });
    const crashed = (cause: unknown) => void crashes.push(cause);
    const run = async (name: string, scheduler: () => Scheduler) => {
      const stop = runFramework(portsOf(await world.node(name)), options, scheduler, crashed);
      stops.push(stop);
      return stop;
    };

    it("launches, replaces what has ended, and kills what is too much", async () => {
      const scheduler = new OnePerAgent(["a", "b"]);
      await run("one", () => scheduler);
      await world.until("one task on each agent", () => peers.running().length === 2);
      const [first] = peers.running();
      const [agent, task] = first!.split("/") as [string, string];
      await world.done(peers.step(agent, task, "failed"));
      await world.until(
        "another task",
        () => peers.running().length === 2 && !peers.running().includes(first!),
      );
      scheduler.agents = ["b"];
      scheduler.wake();
      await world.until("one task", () => peers.running().length === 1);
      assert.match(peers.running()[0]!, /^b\//);
    });

    it("hands over to a standby, which knows all tasks and launches none of them again", async () => {
      const stop = await run("one", () => new OnePerAgent(["a", "b"]));
      await world.until("both tasks", () => peers.running().length === 2);
      const before = peers.running();
      const second = new OnePerAgent(["a", "b"]);
      await run("two", () => second);
      await world.done(stop());
      await world.until("the second knows both", () => second.taskOn.size === 2);
      const settled = () => [...second.phases.values()].every((phase) => phase === "running");
      await world.until("both are known to run", settled);
      assert.deepEqual(peers.running(), before);
      assert.equal(peers.accepts.length, 2);
    });

    it("takes over from one that fell silent", async () => {
      const node = await world.node("one");
      const stop = runFramework(portsOf(node), options, () => new OnePerAgent(["a"]), crashed);
      await world.until("the task", () => peers.running().length === 1);
      await run("two", () => new OnePerAgent(["a"]));
      await world.die(node);
      // Nobody waits for the end of what has died; over NATS its timers are still to be ended.
      void stop();
      await world.until("the second has subscribed", () => peers.subscriptions.length === 2, 8000);
    });

    it("goes on after the server was away", async () => {
      const scheduler = new OnePerAgent(["a"]);
      await run("one", () => scheduler);
      await world.until("the task runs", () => peers.running().length === 1);
      await world.serverDies();
      await world.serverReturns();
      scheduler.agents = ["a", "b"];
      scheduler.wake();
      await world.until("another task", () => peers.running().length === 2, 8000);
    });

    it("ends the term with words when the scheduler throws", async () => {
      const broken: Scheduler = {
        needs: () => {
          throw new Error("the author's mistake");
        },
        place: () => [],
        taskChanged: () => {},
      };
      await run("one", () => broken);
      await world.until("the crash is told", () => crashes.length > 0);
      assert.match(String(crashes[0]), /the author's mistake/);
    });

    it("a service keeps its own state in the same bucket and answers calls, after a change of leader too", async () => {
      const start = async (name: string) => {
        const ports = portsOf(await world.node(name));
        const stop = runService(ports, options, (term) => notes(ports, term), crashed);
        stops.push(stop);
        return stop;
      };
      const caller = await world.node("caller");
      const call = async (name: keyof typeof notesApi, request: object) => {
        const bytes = new TextEncoder().encode(JSON.stringify(request));
        for (;;) {
          const reply = await world.done(caller.bus.request(peers.subjects.api("apps", name), bytes, 1000));
          if (reply.ok) return JSON.parse(new TextDecoder().decode(reply.value)) as object;
          await world.pass(50);
        }
      };
      const stop = await start("one");
      assert.deepEqual(await call("put", { name: "x", text: "kept" }), { ok: true, value: { count: 1 } });
      await start("two");
      await world.done(stop());
      assert.deepEqual(await call("get", { name: "x" }), { ok: true, value: { text: "kept" } });
      assert.deepEqual(await call("get", { name: 5 }), {
        ok: false,
        error: {
          code: "invalid",
          message: "the message does not decode: 1 fault",
          faults: [{ path: "/name", expected: "string", found: "5" }],
        },
      });
      assert.deepEqual(crashes, []);
    });
  });
}

/** One task on each of these agents. */
class OnePerAgent implements Scheduler {
  readonly taskOn = new Map<string, string>();
  readonly phases = new Map<string, string>();
  agents: readonly string[];
  #wanted = 0;

  constructor(agents: readonly string[]) {
    this.agents = agents;
  }

  /** Any deadline that has passed makes the machine look again. */
  wake(): void {
    this.#wanted++;
  }

  nextDeadline = () => (this.#wanted > 0 ? -1 : Number.POSITIVE_INFINITY);

  needs() {
    this.#wanted = 0;
    return this.#empty().map((rack) => needOf({ cpus: 1, ports: 1 }, { attributes: { rack } }));
  }

  place: Scheduler["place"] = (_, offers, ids) =>
    this.#empty().flatMap((agent) => {
      const offer = offers.find((each) => each.agent === agent);
      const resources = offer && carve(offer, { cpus: 1, ports: 1 });
      const workload = { kind: "process" as const, command: "sleep 60" };
      return resources === undefined
        ? []
        : [{ offer: offer!, tasks: [{ id: ids.next("t"), name: "t", workload, resources }] }];
    });

  kills = () => [...this.taskOn].flatMap(([agent, task]) => (this.agents.includes(agent) ? [] : [{ task }]));

  taskChanged: Scheduler["taskChanged"] = (_, { agent, spec, phase }) => {
    this.phases.set(spec.id, phase);
    if (!isLast(phase)) this.taskOn.set(agent, spec.id);
    else if (this.taskOn.get(agent) === spec.id) this.taskOn.delete(agent);
  };

  #empty = () => this.agents.filter((agent) => !this.taskOn.has(agent));
}

const Note = Type.Object({ name: Type.String(), text: Type.String() });
type Note = Static<typeof Note>;
const notesApi = {
  put: apiCall("apps", "put", Note, Type.Object({ count: Type.Integer() })),
  get: apiCall("apps", "get", Type.Object({ name: Type.String() }), Type.Object({ text: Type.String() })),
} satisfies Record<string, ApiCall>;

type NotesEvent = Called<typeof notesApi> | { readonly type: "stored"; readonly ticket: number };
type NotesEffect = Answer | { readonly type: "store"; readonly note: Note; readonly ticket: number };

/** A service that keeps notes: stored, then answered. */
function notes(ports: FrameworkPorts, term: ServiceTerm): Service<NotesEvent, NotesEffect> {
  const texts = new Map<string, string>();
  for (const [key, value] of term.loaded)
    if (key.startsWith("note.")) texts.set(key.slice("note.".length), (value as Note).text);
  const framework = new FrameworkMachine(term.framework, {
    needs: () => [],
    place: () => [],
    taskChanged() {},
  });
  let api: ServedApi | undefined;

  const own = (event: NotesEvent): NotesEffect[] => {
    if (event.type === "stored")
      return [{ type: "answer", ticket: event.ticket, reply: { ok: true, value: { count: texts.size } } }];
    const { ticket } = event;
    if (event.call === "get")
      return [
        { type: "answer", ticket, reply: { ok: true, value: { text: texts.get(event.request.name) } } },
      ];
    texts.set(event.request.name, event.request.text);
    return [{ type: "store", note: event.request, ticket }];
  };
  return {
    machine: {
      handle(at, event) {
        const effects = framework
          .handle(
            at,
            event.type === "framework" ? event.event : event.type === "tick" ? event : { type: "woken" },
          )
          .map((effect) => ({ type: "framework", effect }) as const);
        return event.type === "framework" || event.type === "tick" ? effects : [...own(event), ...effects];
      },
      nextDeadline: () => framework.nextDeadline(),
    },
    perform(effect, emit) {
      if (effect.type === "answer") api!.answer(effect);
      else void keep(term, effect.note, () => emit({ type: "stored", ticket: effect.ticket }));
    },
    listen(emit) {
      api = serveApi(ports, notesApi, emit);
      return () => api!.close();
    },
  };
}

async function keep({ vault }: ServiceTerm, note: Note, stored: () => void): Promise<void> {
  if ((await vault.put(`note.${note.name}`, note)) === "stored") stored();
}
