import assert from "node:assert/strict";
import { wantedIn } from "./wanted.js";

const refused = (what: string, args: readonly string[], words: RegExp) =>
  it(`refuses ${what}`, () => {
    assert.throws(() => wantedIn(args), words);
  });

describe("simulation: the command line", () => {
  it("runs a hundred seeds from the first on, without an end in time, unless told otherwise", () => {
    assert.deepEqual(wantedIn([]), {
      type: "many",
      count: 100,
      from: 1,
      jobs: 1,
      mostMs: Number.POSITIVE_INFINITY,
      twice: false,
    });
    assert.deepEqual(wantedIn("--seeds 7 --from 3 --jobs 2 --minutes 0.5 --twice".split(" ")), {
      type: "many",
      count: 7,
      from: 3,
      jobs: 2,
      mostMs: 30_000,
      twice: true,
    });
  });

  it("replays one seed, with parts left out", () => {
    assert.deepEqual(wantedIn("--seed 5 --quiet --without loss,away --only deploy.1,drain.2".split(" ")), {
      type: "replay",
      run: {
        seed: "5",
        detailed: false,
        without: new Set(["loss", "away"]),
        only: new Set(["deploy.1", "drain.2"]),
      },
    });
    assert.deepEqual(wantedIn(["--help"]), { type: "help" });
  });

  refused(
    "minutes that are no number",
    ["--minutes", "five"],
    /--minutes: expected a number above 0, found five/,
  );
  refused("no minutes", ["--minutes", "0"], /--minutes: expected a number above 0, found 0/);
  refused("an empty number of minutes", ["--minutes="], /--minutes: .* found nothing/);
  refused("half a seed", ["--seeds", "1.5"], /--seeds: expected a whole number from 1, found 1.5/);
  refused("no seeds", ["--seeds", "0"], /--seeds: expected a whole number from 1, found 0/);
  refused("threads that are no number", ["--jobs", "all"], /--jobs: .* found all/);
  refused("an empty first seed", ["--from="], /--from: .* found nothing/);
  refused("an empty seed", ["--seed="], /--seed: expected a seed, found nothing/);
  refused(
    "an unknown kind",
    ["--seed", "1", "--without", "lost"],
    /--without: expected kinds .*; found lost/,
  );
  refused("an unknown flag", ["--sede", "1"], /--sede/);
});
