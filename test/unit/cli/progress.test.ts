import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { type Step, waitFor } from "#services/cli/progress.js";

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
