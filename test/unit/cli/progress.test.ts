import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { type Step, takenBy, waitFor } from "#services/cli/progress.js";

describe("waiting for what was asked", () => {
  const goal = "/a is to run";
  const away = () => new Failure("unreachable", "nobody listens there");

  /** What is looked at in turn, the last again and again; and all that is said meanwhile. */
  async function wait(looks: readonly (Step<string> | Failure)[], timeoutMs = 5000) {
    let looked = 0;
    const look = async () => {
      const found = looks[Math.min(looked++, looks.length - 1)]!;
      if (found instanceof Failure) throw found;
      return found;
    };
    const said: string[] = [];
    const screen = new Writable({
      write: (text, _, written) => {
        said.push(String(text));
        written();
      },
    });
    const result = await waitFor(look, { timeoutMs, quiet: false, goal, screen }).catch(
      (cause: unknown) => cause,
    );
    return { result, said };
  }

  it("goes on while the cluster cannot be reached, and says so once", async () => {
    const { result, said } = await wait([{ text: "0/1" }, away(), away(), { text: "1/1", done: "it runs" }]);
    assert.equal(result, "it runs");
    assert.deepEqual(said, ["0/1\n", "nobody listens there; looking again\n", "1/1\n"]);
  });

  it("says nothing at the end of what the command itself prints", async () => {
    const { result, said } = await wait([{ text: "2 tasks left" }, { text: "", done: "drained" }]);
    assert.equal(result, "drained");
    assert.deepEqual(said, ["2 tasks left\n"]);
  });

  it("ends when its time is over, with what was seen last", async () => {
    const { result } = await wait([away()], 300);
    assert(result instanceof Failure);
    assert.equal(result.exitCode, exitCodes.timeout);
    assert.match(result.message, /not done after 0.3 s.* Last: nobody listens there; looking again$/);
  });

  it("ends at once when it is refused", async () => {
    const { result } = await wait([new Failure("refused", "no app /a")]);
    assert(result instanceof Failure);
    assert.equal(result.message, "no app /a");
  });
});

describe("asking for what is to be done", () => {
  const goal = "deploying /a";
  const leaderless = () => new Failure("unreachable", "nobody leads apps now", [], "unavailable");

  /** What is answered in turn, the last again and again; and all that is said meanwhile. */
  async function ask(answers: readonly (object | Failure)[], timeoutMs = 5000) {
    let asked = 0;
    const next = async (): Promise<object> => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer instanceof Failure) throw answer;
      return answer;
    };
    let said = "";
    const screen = new Writable({
      write: (text, _, written) => {
        said += String(text);
        written();
      },
    });
    const options = { timeoutMs, quiet: false, goal, screen };
    const result = await takenBy(next, options).catch((cause: unknown) => cause);
    return { result, said, asked };
  }

  it("says nothing when it is taken at once", async () => {
    assert.deepEqual(await ask([{ version: "1" }]), { result: { version: "1" }, said: "", asked: 1 });
  });

  it("waits while nobody leads, says why, and is done when somebody does", async () => {
    const away = new Failure("unreachable", "no cluster answers");
    const silent = new Failure(
      "unreachable",
      "apps does not answer: look before trying again",
      [],
      "timeout",
    );
    const { result, said, asked } = await ask([leaderless(), leaderless(), away, silent, { version: "1" }]);
    assert.deepEqual(result, { version: "1" });
    assert.equal(asked, 5);
    assert.deepEqual(said.split("\n"), [
      "nobody leads apps now; looking again",
      "no cluster answers; looking again",
      "the cluster has not answered in time; looking again",
      "deploying /a: taken",
      "",
    ]);
  });

  it("gives up when its time is over, and does not say that it goes on", async () => {
    const { result } = await ask([leaderless()], 300);
    assert(result instanceof Failure);
    assert.equal(result.exitCode, exitCodes.timeout);
    assert.equal(
      result.message,
      "deploying /a: not done after 0.3 s; the cluster has not said that it took it. Last: nobody leads apps now; looking again",
    );
  });

  it("does not wait for a refusal to change, nor for a gateway that is not there", async () => {
    for (const failure of [new Failure("refused", "no"), new Failure("unreachable", "nobody listens there")])
      assert.deepEqual(await ask([failure, { version: "1" }]), { result: failure, said: "", asked: 1 });
  });
});
