import assert from "node:assert/strict";
import { EMPTY } from "rxjs";
import { appsApi } from "#protocol/app.js";
import { type Refusal, refusal } from "#protocol/errors.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { Subjects } from "#protocol/subjects.js";
import type { Bus, BusFailure } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import { busApi } from "#services/gateway/bus-api.js";

const leads: Result<unknown, Refusal> = ok([]);
const leadsNoMore: Result<unknown, Refusal> = fail(refusal("timeout", "another copy leads now"));
const notFound: Result<unknown, Refusal> = fail(refusal("not-found", "there is no app /web"));

/** A bus on which the calls are answered one after the other, the last answer again and again, on a clock that a wait moves. */
function answering(...answers: (Result<unknown, Refusal> | BusFailure)[]) {
  let mono = 0;
  let asked = 0;
  const clock: Clock = {
    now: () => ({ mono, wall: mono }),
    after: (ms, then) => {
      mono += ms;
      queueMicrotask(then);
      return () => undefined;
    },
  };
  const bus: Bus = {
    connection: EMPTY,
    publish: () => undefined,
    request: (_subject, _bytes, timeoutMs) => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer === "timeout") mono += timeoutMs;
      return Promise.resolve(
        typeof answer === "string" ? fail(answer) : ok(new TextEncoder().encode(JSON.stringify(answer))),
      );
    },
    requestMany: () => EMPTY,
    messages: () => EMPTY,
    close: () => Promise.resolve(),
  };
  return { api: busApi(bus, new Subjects("test"), clock), asked: () => asked, waited: () => mono };
}

const look = (api: ReturnType<typeof busApi>) => api.call(appsApi.demand, { id: "/web" });
const remove = (api: ReturnType<typeof busApi>) => api.call(appsApi.remove, { id: "/web" });

describe("calls of the gateway to who leads", () => {
  const trying: [string, Result<unknown, Refusal> | BusFailure][] = [
    ["while nobody leads", "no-responders"],
    ["while who leads hangs", "timeout"],
    ["while there is no connection", "disconnected"],
    ["when who led stopped with the call in hand", leadsNoMore],
  ];
  for (const [when, answer] of trying)
    it(`are tried again ${when}, if they may be repeated`, async () => {
      const { api, asked } = answering(answer, leads);

      assert.deepEqual(await look(api), []);
      assert.equal(asked(), 2);
    });

  it("are not repeated when they may have been done and must not be done twice", async () => {
    for (const answer of ["timeout", leadsNoMore] as const) {
      const { api, asked } = answering(answer, leads);

      await assert.rejects(remove(api), /another copy|does not answer/);
      assert.equal(asked(), 1);
    }
  });

  it("are tried for eight seconds, then refused with what is the matter", async () => {
    const { api, waited } = answering(leadsNoMore);

    await assert.rejects(look(api), { message: /another copy leads now/ });
    assert.equal(waited(), 8000);
  });

  it("are not tried again when they were refused", async () => {
    const { api, asked } = answering(notFound);

    await assert.rejects(look(api), { message: /there is no app/ });
    assert.equal(asked(), 1);
  });
});
