import assert from "node:assert/strict";
import { type Instant, never } from "#libs/core/time.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import { type Pump, pump, type PumpEnd } from "#libs/machine/pump.js";
import { SimWorld } from "#libs/sim/world.js";

type Event = { readonly type: "came"; readonly what: string };
type Effect = { readonly say: string };

/** Says what it was handed; wants a tick when told to. */
class Recorder implements Machine<Event, Effect> {
  readonly handled: string[] = [];
  deadline = never;
  effects: (event: Event | Tick) => readonly Effect[] = () => [];

  handle(at: Instant, event: Event | Tick): readonly Effect[] {
    this.handled.push(event.type === "tick" ? `tick at ${at.mono}` : event.what);
    if (event.type === "tick") this.deadline = never;
    return this.effects(event);
  }

  nextDeadline(): number {
    return this.deadline;
  }
}

describe("pump", () => {
  let world: SimWorld;
  let machine: Recorder;
  let done: string[];
  let ends: PumpEnd[];
  let leads: boolean;

  beforeEach(() => {
    world = new SimWorld({ seed: 1 });
    machine = new Recorder();
    done = [];
    ends = [];
    leads = true;
  });

  const start = (
    perform: (effect: Effect, emit: (event: Event) => void) => void = ({ say }) => done.push(say),
  ) =>
    pump<Event, Effect>({
      machine,
      clock,
      perform,
      mayAct: () => leads,
      ended: (why) => ends.push(why),
    });
  const clock = {
    now: () => ({ mono: world.schedule.now, wall: world.schedule.now }),
    after: (ms: number, call: () => void) => world.schedule.after(ms, call),
  };
  const came = (what: string): Event => ({ type: "came", what });

  it("hands events to the machine and performs its effects, in order", () => {
    machine.effects = (event) =>
      event.type === "came" ? [{ say: `${event.what}1` }, { say: `${event.what}2` }] : [];
    const { emit } = start();
    emit(came("a"));
    emit(came("b"));
    assert.deepEqual(done, ["a1", "a2", "b1", "b2"]);
  });

  it("an event that an effect emits waits until all effects of the present one are performed", () => {
    machine.effects = (event) =>
      event.type === "came" && event.what === "ask"
        ? [{ say: "first" }, { say: "second" }]
        : [{ say: "answered" }];
    const { emit } = start(({ say }, answer) => {
      done.push(say);
      if (say === "first") answer(came("answer"));
    });
    emit(came("ask"));
    assert.deepEqual(machine.handled, ["ask", "answer"]);
    assert.deepEqual(done, ["first", "second", "answered"]);
  });

  it("ticks at the machine's deadline, and not without one", async () => {
    const { emit } = start();
    machine.deadline = 100;
    emit(came("a"));
    await world.runFor(99);
    assert.deepEqual(machine.handled, ["a"]);
    await world.runFor(1000);
    assert.deepEqual(machine.handled, ["a", "tick at 100"]);
  });

  it("ticks for the deadline that the machine has from the beginning", async () => {
    machine.deadline = 50;
    start();
    await world.runFor(60);
    assert.deepEqual(machine.handled, ["tick at 50"]);
  });

  it("arms its timer anew for an earlier deadline", async () => {
    const { emit } = start();
    machine.deadline = 100;
    emit(came("a"));
    machine.deadline = 40;
    emit(came("b"));
    await world.runFor(500);
    assert.deepEqual(machine.handled, ["a", "b", "tick at 40"]);
  });

  it("a deadline that has passed gives a tick at once, not a recursion", async () => {
    const { emit } = start();
    await world.runFor(10);
    machine.deadline = 5;
    emit(came("a"));
    assert.deepEqual(machine.handled, ["a"]);
    await world.runFor(0);
    assert.deepEqual(machine.handled, ["a", "tick at 10"]);
  });

  describe("of a machine that settles", () => {
    let settled: string[];

    beforeEach(() => {
      settled = [];
      const settle = (at: Instant) => {
        settled.push(`${machine.handled.length} events at ${at.mono}`);
        return [{ say: "settled" }];
      };
      Object.assign(machine, { settle });
    });

    it("has it settle once after all events of a turn, not after each", async () => {
      const { emit } = start();
      emit(came("a"));
      emit(came("b"));
      assert.deepEqual(settled, []);
      await world.runFor(0);
      assert.deepEqual(settled, ["2 events at 0"]);
      assert.deepEqual(done, ["settled"]);
      await world.runFor(100);
      assert.equal(settled.length, 1);
    });

    it("has it settle again for what its settling brought", async () => {
      const { emit } = start((_, answer) => {
        if (done.push("settled") === 1) answer(came("answer"));
      });
      emit(came("a"));
      await world.runFor(10);
      assert.deepEqual(settled, ["1 events at 0", "2 events at 0"]);
    });

    it("looks at its deadline when it has settled", async () => {
      const { emit } = start();
      machine.deadline = 0;
      emit(came("a"));
      await world.runFor(10);
      assert.deepEqual(machine.handled, ["a", "tick at 0"]);
      assert.deepEqual(settled, ["1 events at 0", "2 events at 0"]);
    });

    it("does not have it settle when it was stopped meanwhile", async () => {
      const { emit, stop } = start();
      emit(came("a"));
      stop();
      await world.runFor(10);
      assert.deepEqual(settled, []);
    });

    it("ends with the cause when settling throws", async () => {
      const crash = new Error("a bug");
      Object.assign(machine, {
        settle: () => {
          throw crash;
        },
      });
      start().emit(came("a"));
      await world.runFor(10);
      assert.deepEqual(ends, [{ crash }]);
    });
  });

  it("asks before each event whether it may act", () => {
    const { emit } = start();
    emit(came("a"));
    leads = false;
    emit(came("b"));
    leads = true;
    emit(came("c"));
    assert.deepEqual(machine.handled, ["a"]);
    assert.deepEqual(ends, ["deposed"]);
  });

  it("asks before each effect whether it may act", () => {
    machine.effects = () => [{ say: "1" }, { say: "2" }, { say: "3" }];
    const { emit } = start(({ say }) => {
      done.push(say);
      if (say === "2") leads = false;
    });
    emit(came("a"));
    assert.deepEqual(done, ["1", "2"]);
    assert.deepEqual(ends, ["deposed"]);
  });

  it("stops in the middle of the effects, and lets no timer fire after it", async () => {
    let running: Pump<Event> | undefined;
    machine.effects = () => [{ say: "1" }, { say: "2" }];
    machine.deadline = 20;
    running = start(({ say }) => {
      done.push(say);
      running?.stop();
    });
    running.emit(came("a"));
    await world.runFor(100);
    assert.deepEqual(done, ["1"]);
    assert.deepEqual(machine.handled, ["a"]);
    assert.deepEqual(ends, []);
  });

  it("a machine that throws ends the pump, with the cause", () => {
    const bug = new Error("bug");
    machine.effects = () => {
      throw bug;
    };
    const { emit } = start();
    emit(came("a"));
    emit(came("b"));
    assert.deepEqual(ends, [{ crash: bug }]);
    assert.deepEqual(machine.handled, ["a"]);
  });

  it("an effect that throws ends the pump, with the cause", () => {
    const bug = new Error("bug");
    machine.effects = () => [{ say: "1" }, { say: "2" }];
    const { emit } = start(({ say }) => {
      done.push(say);
      throw bug;
    });
    emit(came("a"));
    assert.deepEqual(ends, [{ crash: bug }]);
    assert.deepEqual(done, ["1"]);
  });

  it("two pumps that emit into each other do not nest", () => {
    const order: string[] = [];
    const other = new Recorder();
    const second = pump<Event, Effect>({
      machine: other,
      clock,
      perform: () => order.push("second performs"),
    });
    other.effects = () => [{ say: "" }];
    machine.effects = () => [{ say: "1" }, { say: "2" }];
    const first = start(({ say }) => {
      order.push(`first performs ${say}`);
      if (say === "1") second.emit(came("from the first"));
    });
    first.emit(came("a"));
    assert.deepEqual(order, ["first performs 1", "first performs 2", "second performs"]);
  });
});
