import assert from "node:assert/strict";
import { Subject } from "rxjs";
import { Subjects } from "#protocol/subjects.js";
import { door } from "#libs/machine/door.js";
import { undecodedAnswers } from "#libs/machine/undecoded.js";
import type { Message } from "#libs/ports/bus.js";

const subjects = new Subjects("c");

function world() {
  const served = new Map<string, Subject<Message>>();
  const bus = {
    messages: (subject: string) => {
      const messages = new Subject<Message>();
      served.set(subject, messages);
      return messages;
    },
  };
  const entrance = door({ warn: () => {} }, { after: () => () => {} });
  const answers: unknown[] = [];
  const ask = (text: string) =>
    served.get(subjects.api("jobs", "undecoded"))?.next({
      subject: "asked",
      bytes: new TextEncoder().encode(text),
      respond: (bytes: Uint8Array) => void answers.push(JSON.parse(new TextDecoder().decode(bytes))),
    });
  return { options: { bus, subjects, door: entrance, service: "jobs" } as const, ask, answers };
}

describe("how much did not decode", () => {
  it("is answered in the form of every call: at this door, what asked for it included", () => {
    const { options, ask, answers } = world();
    undecodedAnswers(options);
    ask("?");
    ask("{}");
    assert.equal((answers[0] as { ok: boolean }).ok, false);
    assert.deepEqual(answers[1], { ok: true, value: { here: 1 } });
  });

  it("is what a service counts, where it counts more; and nothing once it is unsubscribed", () => {
    const { options, ask, answers } = world();
    const answering = undecodedAnswers({ ...options, counted: () => ({ here: 2, agents: 3 }) });
    ask("{}");
    answering.unsubscribe();
    ask("{}");
    assert.deepEqual(answers, [{ ok: true, value: { here: 2, agents: 3 } }]);
  });
});
