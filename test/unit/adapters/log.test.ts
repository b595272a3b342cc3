import assert from "node:assert/strict";
import { type LogLevel, makeLog } from "#libs/adapters/log.js";

function logging(level: LogLevel = "debug") {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  return { lines, log: makeLog({ level, name: "test", destination }) };
}

describe("log", () => {
  it("writes one JSON object a line: time, level, name, message, fields", () => {
    const { lines, log } = logging();
    log.warn("too warm", { degrees: 40 });
    const [{ time, ...line }] = lines as [Record<string, unknown>];
    assert.deepEqual(line, { level: "warn", name: "test", degrees: 40, message: "too warm" });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
  });

  it("leaves out what is below its level", () => {
    const { lines, log } = logging("warn");
    log.debug("no");
    log.info("no");
    log.warn("yes");
    log.error("yes");
    assert.equal(lines.length, 2);
  });

  it("gives a child's fields to all its lines", () => {
    const { lines, log } = logging();
    log.child({ agent: "a" }).child({ task: "t" }).info("started", { pid: 1 });
    assert.deepEqual([lines[0]?.["agent"], lines[0]?.["task"], lines[0]?.["pid"]], ["a", "t", 1]);
  });

  it("hides secrets, however deep", () => {
    const { lines, log } = logging();
    const settings = {
      token: "hunter2",
      list: [{ password: "hunter2" }],
      map: new Map([["apiKey", "hunter2"]]),
    };
    log.info("settings", { clusterKey: "hunter2", settings, key: "agent.a" });
    log.child({ secret: "hunter2" }).info("child");
    assert.ok(!JSON.stringify(lines).includes("hunter2"), JSON.stringify(lines));
    assert.equal(lines[0]?.["key"], "agent.a");
  });

  it("writes errors with their causes, and survives circles and big numbers", () => {
    const { lines, log } = logging();
    const circle: Record<string, unknown> = { n: 1n };
    circle["self"] = circle;
    log.error("failed", { error: new Error("outer", { cause: new Error("inner") }), circle });
    const error = lines[0]?.["error"] as { message: string; stack: string; cause: { message: string } };
    assert.equal(error.message, "outer");
    assert.equal(error.cause.message, "inner");
    assert.match(error.stack, /log\.test/);
    assert.equal((lines[0]!["circle"] as { n: string }).n, "1");
  });
});
