import assert from "node:assert/strict";
import fc from "fast-check";
import { add, amounts, contains, none, portList } from "#libs/core/resources.js";
import type { Offer } from "#protocol/offer.js";
import type { PortRange } from "#protocol/resources.js";
import type { TaskSpec } from "#protocol/task.js";
import type { JournalRecord } from "#services/agent/records.js";
import { Scene, taskSpec, totals } from "./scene.js";

type Command =
  | {
      readonly type: "accept";
      readonly offer: number;
      readonly task: number;
      readonly cpus: number;
      readonly port: number;
    }
  | { readonly type: "exit" | "launch" | "kill"; readonly task: number }
  | { readonly type: "rescind"; readonly offer: number; readonly floor: number }
  | { readonly type: "newGeneration" | "restart" | "failWrite" };

const offersMax = 12;
const tasksMax = 10;
const task = fc.integer({ min: 0, max: tasksMax - 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("accept" as const),
      offer: fc.integer({ min: 1, max: offersMax }),
      task,
      cpus: fc.integer({ min: 0, max: 700 }),
      port: fc.integer({ min: 31000, max: 31011 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom("exit" as const, "launch" as const, "kill" as const),
      task,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("rescind" as const),
      offer: fc.integer({ min: 1, max: offersMax }),
      floor: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("newGeneration" as const, "restart" as const, "failWrite" as const),
    }),
  },
);

/** What must hold of all that the agent said and did, seen from outside. */
class Witness {
  readonly launchedOnce = new Map<string, number>();

  see(scene: Scene): void {
    for (const { order } of scene.all("launchTask"))
      this.launchedOnce.set(order.spec.id, (this.launchedOnce.get(order.spec.id) ?? 0) + 1);
    for (const [id, count] of this.launchedOnce) assert.equal(count, 1, `R3: ${id} starts once`);
    const used = scene.all("report").at(-1)?.report.use ?? [];
    const sum = used.map(({ resources }) => resources).reduce(add, none);
    assert(contains(totals, sum), `R1: ${JSON.stringify(sum)} is within the totals`);
    const ports = used.flatMap(({ resources }) => portList(resources.ports));
    assert.equal(new Set(ports).size, ports.length, "R1: a port is one task's");
  }
}

/** What was accepted, as the journal has it. */
const specsIn = (journal: readonly JournalRecord[]): readonly TaskSpec[] =>
  journal.flatMap((record) => (record.type === "accepted" ? record.tasks : []));

function perform(scene: Scene, did: Command, generation: () => number): void {
  const name = (number: number) => `web.${number}`;
  switch (did.type) {
    case "accept": {
      const ports: PortRange[] = [[did.port, did.port]];
      const offer: Offer = scene.offer({ number: did.offer, generation: generation() });
      const resources = amounts({ cpus: did.cpus / 1000, ports });
      const env = { OFFER: `${offer.generation}.${offer.number}` };
      scene.accept([taskSpec(name(did.task), { resources, env })], { offer });
      return;
    }
    case "exit":
      scene.exit(name(did.task), 0);
      return;
    case "launch":
      scene.do({ type: "prepared", task: name(did.task) });
      scene.do({ type: "launched", task: name(did.task) });
      return;
    case "kill":
      scene.kill(name(did.task));
      return;
    case "rescind":
      scene.do({
        type: "rescindAsked",
        reply: 0,
        epoch: 1,
        generation: generation(),
        offers: [did.offer],
        floor: did.floor,
      });
      return;
    case "newGeneration":
      scene.do({ type: "connected", fraction: 0 });
      scene.pass(1);
      if (scene.all("register").length > 0) scene.register();
      return;
    case "failWrite":
      scene.endTurn();
      scene.journalAnswers = false;
      scene.accept([taskSpec(`lost.${scene.at.mono}`, { resources: amounts({ cpus: 0.1 }) })]);
      scene.endTurn();
      if (scene.all("appendRecords").length > 0) scene.do({ type: "writeFailed", message: "ENOSPC" });
      scene.journalAnswers = true;
      scene.pass(1000);
      return;
    case "restart": {
      const names = Array.from({ length: tasksMax }, (_, number) => name(number));
      scene.restart();
      scene.recovered(Object.fromEntries(names.map((task) => [task, "running"])));
      scene.connect();
      scene.pass(1);
      scene.register();
      return;
    }
  }
}

/** A command, and whether the turn that it falls into ends with it. */
const happening = fc.record({ did: command, endsTurn: fc.boolean() });

describe("agent: the books, whatever happens", () => {
  it("are never oversubscribed, start no id twice, and use no offer twice, however many events a turn has (R1, R2, R3)", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80 }), (happenings) => {
        const scene = Scene.registered();
        const witness = new Witness();
        const uses = new Map<string, string>();
        scene.do({ type: "connected", fraction: 0 });
        scene.pass(1);
        scene.register();
        let present = scene.last("register").message.report.generation;
        scene.turnsEndAtOnce = false;
        const look = () => {
          witness.see(scene);
          if (scene.all("register").length > 0) present = scene.last("register").message.report.generation;
          for (const { id, env } of specsIn(scene.journal)) {
            const offer = env?.["OFFER"];
            if (offer === undefined) continue;
            assert.equal(uses.get(offer) ?? id, id, `R2: offer ${offer} is used once`);
            uses.set(offer, id);
          }
          scene.take();
        };
        for (const { did, endsTurn } of happenings) {
          // A death in the middle of a turn: what it had not settled yet never was.
          if (did.type === "restart") look();
          perform(scene, did, () => present);
          if (!endsTurn) continue;
          scene.pass(20);
          look();
        }
        scene.pass(20);
        look();
      }),
      { numRuns: 200 },
    );
  });
});
