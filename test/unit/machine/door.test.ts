import assert from "node:assert/strict";
import { Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { door, undecodedAt } from "#libs/machine/door.js";

const greeting = codec(Type.Object({ hello: Type.String() }));

function world() {
  const logged: object[] = [];
  const timers: { ms: number; call: () => void }[] = [];
  const answers: string[] = [];
  const log = { warn: (_: string, fields?: object) => void logged.push(fields ?? {}) };
  const clock = {
    after: (ms: number, call: () => void) => {
      timers.push({ ms, call });
      return () => {};
    },
  };
  const message = (text: string, subject = "a.b") => ({
    subject,
    bytes: new TextEncoder().encode(text),
    respond: (bytes: Uint8Array) => void answers.push(new TextDecoder().decode(bytes)),
  });
  let dropped = 0;
  const counting = door(log, clock, () => dropped++);
  return { door: counting, logged, timers, answers, message, dropped: () => dropped };
}

describe("the door", () => {
  it("lets in what decodes", () => {
    const { door, message, answers, logged } = world();
    assert.deepEqual(door.decode(greeting, message('{"hello":"you"}')), { hello: "you" });
    assert.deepEqual([answers, logged], [[], []]);
  });

  it("answers what does not decode with all faults, and drops it", () => {
    const { door, message, answers } = world();
    assert.equal(door.decode(greeting, message("{}")), undefined);
    const answer = JSON.parse(answers[0]!) as { ok: boolean; error: { code: string; faults: unknown[] } };
    assert.equal(answer.ok, false);
    assert.equal(answer.error.code, "invalid");
    assert.deepEqual(answer.error.faults, [{ path: "/hello", expected: "to be given", found: "nothing" }]);
  });

  it("counts what it drops, and tells of each", () => {
    const { door, message, dropped } = world();
    door.decode(greeting, message('{"hello":"you"}'));
    for (const subject of ["a.b", "a.b", "c"]) door.decode(greeting, message("?", subject));
    assert.deepEqual(
      [...door.refused],
      [
        ["a.b", 2],
        ["c", 1],
      ],
    );
    assert.deepEqual([undecodedAt(door), dropped()], [3, 3]);
  });

  it("logs again after it was closed, and counts on", () => {
    const { door, message, logged } = world();
    door.decode(greeting, message("?"));
    door.close();
    door.decode(greeting, message("?"));
    assert.deepEqual([logged.length, undecodedAt(door)], [2, 2]);
  });

  it("logs the first at once and the rest in one line a minute later", () => {
    const { door, message, logged, timers } = world();
    for (let n = 0; n < 5; n++) door.decode(greeting, message("?", n === 4 ? "c" : "a.b"));
    assert.equal(logged.length, 1);
    assert.equal(timers[0]!.ms, 60_000);
    timers[0]!.call();
    assert.deepEqual((logged[1] as { bySubject: unknown }).bySubject, { "a.b": 3, c: 1 });
    timers[1]!.call();
    assert.equal(logged.length, 2, "silent when there is nothing to say");
    assert.deepEqual(
      [...door.refused],
      [
        ["a.b", 4],
        ["c", 1],
      ],
    );
  });

  it("keeps a bounded count of subjects", () => {
    const { door, message } = world();
    for (let n = 0; n < 300; n++) door.decode(greeting, message("?", `s.${n}`));
    assert.equal(door.refused.size, 201);
    assert.equal(door.refused.get("…"), 100);
  });
});
