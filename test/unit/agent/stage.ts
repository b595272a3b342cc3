import assert from "node:assert/strict";
import type { Static, TSchema } from "typebox";
import { Register } from "#protocol/agent.js";
import { codec } from "#protocol/codec.js";
import { type ClusterEvent, EventBatch } from "#protocol/event.js";
import { AcceptReply } from "#protocol/launch.js";
import type { Offer } from "#protocol/offer.js";
import { StatusBatch } from "#protocol/status.js";
import { Subjects } from "#protocol/subjects.js";
import type { TaskSpec, TaskUpdate } from "#protocol/task.js";
import { SimCatalog } from "#libs/sim/catalog.js";
import { SimExecutor, SimHostTasks } from "#libs/sim/executor.js";
import { SimHost } from "#libs/sim/host.js";
import { SimDisk, SimJournal } from "#libs/sim/journal.js";
import { SimProbe } from "#libs/sim/probe.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimSandboxes } from "#libs/sim/sandboxes.js";
import { SimWorld } from "#libs/sim/world.js";
import { runAgent, type StopAgent } from "#services/agent/service.js";
import { offerOf, session, totals } from "./scene.js";

export const subjects = new Subjects("test");
export const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The real agent in a simulated world; the test plays leader and framework over the bus. */
export class Stage {
  readonly world = new SimWorld({ seed: "agent" });
  readonly peer: SimNode;
  readonly hostTasks: SimHostTasks;
  readonly host: SimHost;
  readonly sandboxes: SimSandboxes;
  readonly catalog: SimCatalog;
  readonly probe: SimProbe;
  readonly disk = new SimDisk();
  readonly registrations: Register[] = [];
  readonly updates: TaskUpdate[] = [];
  readonly events: ClusterEvent[] = [];
  crash: unknown;
  #agent: { readonly node: SimNode; readonly stop: StopAgent } | undefined;
  #numbers = 0;

  constructor() {
    this.peer = this.world.node("peer");
    const { clock, random } = this.peer;
    this.hostTasks = new SimHostTasks({ clock });
    this.host = new SimHost({ name: "host-a", clock, random });
    this.sandboxes = new SimSandboxes({ clock, random });
    this.catalog = new SimCatalog();
    this.probe = new SimProbe(clock);
  }

  async open(): Promise<this> {
    const { bus, streams } = this.peer;
    await this.world.settled(
      streams.ensure({
        name: subjects.statusStream,
        subjects: [subjects.statusAll],
        kind: "queue",
        maxAgeMs: 86_400_000,
        maxBytes: 2 ** 26,
        replicas: 1,
      }),
    );
    bus.messages(subjects.registerAll).subscribe((message) => {
      this.registrations.push(valid(Register, message.bytes));
      message.respond(encoded({ ok: true, epoch: 1, master: "peer", reportIntervalMs: 5000 }));
    });
    await this.world.settled(
      streams.ensureConsumer(subjects.statusStream, "apps", subjects.statusOf("apps")),
    );
    streams.consume(subjects.statusStream, "apps").subscribe((delivery) => {
      this.updates.push(...valid(StatusBatch, delivery.bytes).updates);
      delivery.acknowledge();
    });
    bus.messages(subjects.eventAll).subscribe(({ bytes }) => {
      this.events.push(...valid(EventBatch, bytes).events);
    });
    await this.start();
    await this.world.runUntil("the registration", () => this.registrations.length > 0);
    return this;
  }

  async start(endTasksOnStop = false): Promise<void> {
    const node = this.world.node("agent");
    const { bus, streams, clock, log, random, sealer } = node;
    const { host, sandboxes, probe, catalog, hostTasks: tasks, disk } = this;
    const executors = [new SimExecutor({ kind: "process", tasks, random })];
    const journal = new SimJournal({ disk, clock, random });
    const stop = await this.world.settled(
      runAgent(
        { bus, streams, clock, log, random, sealer, host, sandboxes, probe, catalog, executors, journal },
        {
          cluster: "test",
          id: "agent-a",
          host: "10.0.0.1",
          version: "0.1.0",
          totals: () => totals,
          attributes: { rack: "a" },
          allowance: { root: false, privileged: false, hostMounts: [], defaultUser: "nobody" },
          collection: { keptMs: 3_600_000, keptMax: 1000, diskFreeMin: 0 },
          endTasksOnStop,
        },
        (cause) => {
          this.crash = cause;
        },
      ),
    );
    this.#agent = { node, stop };
  }

  kill9(): void {
    this.#agent!.node.crash();
  }

  async stop(): Promise<void> {
    await this.world.settled(this.#agent!.stop());
  }

  async ask<S extends TSchema>(subject: string, message: unknown, form: S): Promise<Static<S>> {
    const answered = await this.world.settled(this.peer.bus.request(subject, encoded(message), 5000));
    assert(answered.ok, `${subject} is answered`);
    return valid(form, answered.value);
  }

  sealed(more: Partial<Offer> = {}) {
    const { sealer } = this.peer;
    const { generation } = this.registrations.at(-1)!.report;
    const offer = offerOf({ generation, number: ++this.#numbers, ...more });
    const body = JSON.stringify(offer);
    return { body, seal: sealer.seal(sealer.agentKey("agent-a"), body) };
  }

  accept(tasks: readonly unknown[], offer = this.sealed()) {
    return this.ask(
      subjects.launch("agent-a", "apps", "accept"),
      { session, offer, tasks, filterMs: 0 },
      AcceptReply,
    );
  }

  async run(spec: TaskSpec): Promise<void> {
    await this.accept([spec]);
    await this.until(spec.id, "running");
  }

  until(task: string, state: string): Promise<TaskUpdate> {
    return this.world.runUntil(`${task} ${state}`, () =>
      this.updates.findLast((update) => update.task === task && update.state === state),
    );
  }
}

function valid<S extends TSchema>(form: S, bytes: Uint8Array): Static<S> {
  const decoded = codec(form).decode(bytes);
  assert(decoded.ok, decoded.ok ? "" : JSON.stringify(decoded.error.faults));
  return decoded.value;
}
