import assert from "node:assert/strict";
import { makeLog } from "#libs/adapters/log.js";
import type { Log } from "#libs/ports/log.js";
import { type LogLine, SimLog } from "#libs/sim/log.js";

interface World {
  readonly log: Log;
  /** What an operator can read by now. */
  readonly lines: () => readonly LogLine[];
}

function logContract(open: () => World): void {
  let world: World;
  beforeEach(() => (world = open()));

  it("writes a line a call, at its level, in order, before the call returns", () => {
    const { log, lines } = world;
    const levels = ["debug", "info", "warn", "error"] as const;
    for (const [index, level] of levels.entries()) {
      log[level](`words at ${level}`, { index });
      assert.equal(lines().length, index + 1);
    }
    assert.deepEqual(
      lines(),
      levels.map((level, index) => ({ level, message: `words at ${level}`, fields: { index } })),
    );
  });

  it("fields are not needed", () => {
    world.log.info("nothing more");
    assert.deepEqual(world.lines(), [{ level: "info", message: "nothing more", fields: {} }]);
  });

  it("text with ends of lines, quotes and other scripts is one line and comes as it is", () => {
    const text = 'two\nlines, "quoted", \\ ä € 𝄞 \u0000';
    world.log.warn(text, { text });
    assert.deepEqual(world.lines(), [{ level: "warn", message: text, fields: { text } }]);
  });

  it("fields are written as they are at the call", () => {
    const fields = { state: "before" };
    world.log.info("it changes", fields);
    fields.state = "after";
    assert.deepEqual(world.lines()[0]?.fields, { state: "before" });
  });

  it("a child's lines bear its fields and its parents'; theirs stay as they were", () => {
    const parent = world.log.child({ agent: "a" });
    const child = parent.child({ task: "t" });
    child.info("of the child", { pid: 1 });
    parent.info("of the parent");
    world.log.info("of the root");
    assert.deepEqual(
      world.lines().map(({ fields }) => fields),
      [{ agent: "a", task: "t", pid: 1 }, { agent: "a" }, {}],
    );
  });

  it("the nearest word counts: of the call, then of the child, then of its parent", () => {
    const child = world.log
      .child({ a: "parent", b: "parent", c: "parent" })
      .child({ a: "child", b: "child" });
    child.error("three", { a: "call" });
    assert.deepEqual(world.lines()[0]?.fields, { a: "call", b: "child", c: "parent" });
  });

  it("never throws, whatever the fields are", () => {
    const circle: Record<string, unknown> = { large: 1n };
    circle["self"] = circle;
    const cause = new Error("outer", { cause: new Error("inner") });
    world.log.error("hard to write", { circle, cause, nothing: undefined, call: () => 1, none: null });
    world.log.child({ circle }).warn("so is this");
    assert.deepEqual(
      world.lines().map(({ message }) => message),
      ["hard to write", "so is this"],
    );
  });
}

describe("log of a process", () => {
  logContract(() => {
    const lines: string[] = [];
    const destination = { write: (text: string) => void lines.push(text) };
    return {
      log: makeLog({ level: "debug", name: "contract", destination }),
      lines: () =>
        lines.map((text) => {
          assert.equal(text.indexOf("\n"), text.length - 1, "one line");
          const { level, message, time, name, ...fields } = JSON.parse(text) as LogLine & {
            readonly time: string;
            readonly name: string;
          };
          assert.equal(name, "contract");
          assert.ok(!Number.isNaN(Date.parse(time)), time);
          return { level, message, fields };
        }),
    };
  });
});

describe("log of a simulated process", () => {
  logContract(() => {
    const lines: LogLine[] = [];
    return { log: new SimLog((line) => lines.push(line)), lines: () => lines };
  });
});
