import type { ErrorCode } from "#protocol/errors.js";
import { breaks, type Scene, spec, watched } from "./scene.js";

describe("simulation: R3, task ids and repeated accepts", () => {
  breaks("R3", "a task starts again here", ({ a }) => {
    a.starts(spec("one", 0.1, 1));
    a.tasks.end("one", { exitCode: 0, reason: "exited" });
    a.starts(spec("one", 0.1, 1));
  });
  /** The agent answers the accept of one task, again and again. */
  const answersAgain =
    (
      ...each: readonly {
        readonly ok: boolean;
        readonly words?: string;
        readonly generation?: number;
        readonly code?: ErrorCode;
      }[]
    ) =>
    ({ begins, accepts, answers }: Pick<Scene, "begins" | "accepts" | "answers">) => {
      begins(1);
      const reply = accepts("one");
      for (const { ok, words = "", generation = 1, code = "invalid" } of each) {
        const answer = ok ? { task: "one", ok } : { task: "one", ok, error: { code, message: words } };
        answers(reply, { agent: "a", generation, answers: [answer] });
      }
    };
  breaks("R3", "yes, then no", answersAgain({ ok: true }, { ok: false }));
  breaks("R3", "no, then yes", answersAgain({ ok: false }, { ok: true, generation: 2 }));
  breaks(
    "R3",
    "no for a void offer, then yes",
    answersAgain({ ok: false, code: "offer-void" }, { ok: true }),
  );
  breaks("R3", "no, then in other words", answersAgain({ ok: false, words: "b" }, { ok: false, words: "c" }));
  it("R3 is kept by the same again, by other words in another generation, by a no when nothing is left", () => {
    const scene = watched();
    answersAgain({ ok: true }, { ok: true, generation: 2 })(scene);
    scene.record({ type: "collected", tasks: ["one"] });
    answersAgain({ ok: false })({ ...scene, begins: () => {}, accepts: () => "_INBOX.apps-1.1.1" });
    scene.rules.assertKept();
    const other = watched();
    answersAgain({ ok: false, words: "b" }, { ok: false, words: "c", generation: 2 })(other);
    other.rules.assertKept();
    const late = watched();
    answersAgain({ ok: false, words: "b", code: "offer-void" }, { ok: false, words: "killed" })(late);
    late.rules.assertKept();
  });
  breaks("R3", "a task starts here and there", ({ a, b }) => {
    a.starts(spec("one", 1, 1));
    b.starts(spec("one", 1, 1));
  });
});
