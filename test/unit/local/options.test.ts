import assert from "node:assert/strict";
import { parseOptions, UsageError } from "#setup/options.mjs";

const parse = (...argv: string[]) => parseOptions(argv, "/here");

describe("the flags of npm start", () => {
  it("have their usual values unless given", () => {
    assert.deepEqual(parse(), {
      agents: 3,
      copies: 1,
      port: 8080,
      natsPort: 4222,
      consulPort: 8500,
      consulDnsPort: 8600,
      taskPorts: [31_000, 32_000],
      data: "/here/.emporion",
      name: "local",
      empty: false,
      keepTasks: false,
    });
    const given = parse(
      "--agents",
      "5",
      "--nats-port=0",
      "--task-ports",
      "0",
      "--data",
      "/d",
      "--keep-tasks",
    );
    assert.ok(!("help" in given));
    const { agents, natsPort, taskPorts, data, keepTasks, empty } = given;
    assert.deepEqual([agents, natsPort, taskPorts, data, keepTasks, empty], [5, 0, 0, "/d", true, false]);
  });

  it("are told by --help, each with its usual value", () => {
    const asked = parse("--agents", "2", "--help");
    assert.ok("help" in asked);
    for (const words of ["--agents N", "(31000-32000)", "--keep-tasks", "without the demo"])
      assert.ok(asked.help.includes(words), words);
  });

  it("that cannot be understood are told all at once; whoever asks for help gets it all the same", () => {
    const wrong = ["--port", "abc", "--agents", "0", "--bogus"];
    assert.throws(
      () => parse(...wrong),
      (error: Error) => {
        const lines = error.message.split("\n  ");
        assert.equal(lines.length, 3);
        assert.match(lines[0]!, /^--port PORT: .* found abc$/);
        assert.match(lines[1]!, /^--agents N: .* found 0$/);
        assert.match(lines[2]!, /^there is no flag --bogus/);
        return error instanceof UsageError;
      },
    );
    assert.ok("help" in parse(...wrong, "--help"));
  });

  it("that cannot be understood are refused with what was expected", () => {
    const cases: [string[], RegExp][] = [
      [["--bogus"], /^there is no flag --bogus; there are --agents, --copies, /],
      [["--toString"], /^there is no flag --toString/],
      [["-x"], /^there is no flag -x/],
      [["extra"], /takes flags only, found extra/],
      [["--agents", "99"], /^--agents N: expected a whole number from 1 to 26, found 99$/],
      [["--port="], /^--port PORT: expected a whole number from 0 to 65535, found $/],
      [["--agents"], /^--agents N: expected a value, found none$/],
      [["--empty=yes"], /^--empty takes no value, found yes$/],
      [["--task-ports", "5-1"], /expected two ports like 31000-32000, or 0, found 5-1/],
      [["--name", "Prod"], /--name NAME: expected lower-case letters/],
    ];
    for (const [argv, words] of cases)
      assert.throws(
        () => parse(...argv),
        (error: Error) => error instanceof UsageError && words.test(error.message),
        argv.join(" "),
      );
  });
});
