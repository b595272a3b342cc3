import assert from "node:assert/strict";
import { Command } from "commander";
import { complaintText, failureText } from "#services/cli/complaint.js";
import { Failure } from "#services/cli/failure.js";

describe("a wrong command line", () => {
  const program = new Command("emporion");
  program.command("agents").command("rm <id>");
  const complained = (...words: string[]) =>
    complaintText(program, words, { complaint: "error: too many\n", code: "commander.excessArguments" });

  it("is told with the word that is no command, and with those that there are", () => {
    assert.equal(
      complained("agents", "foo"),
      "emporion: unknown command 'foo' after 'emporion agents'\n  after `emporion agents` there is: rm\n",
    );
  });

  it("behind options no word is named: it may be a value of theirs", () => {
    assert.match(
      complained("agents", "-o", "json", "foo"),
      /^emporion: unknown command after 'emporion agents'/,
    );
  });
});

describe("a failure", () => {
  const failure = new Failure("refused", "no such app", ["/id: unknown"], "not-found");

  it("is told people in lines, and programs as JSON", () => {
    assert.equal(failureText(failure, { isJson: false }), "emporion: no such app\n  /id: unknown\n");
    assert.deepEqual(JSON.parse(failureText(failure, { isJson: true })), {
      error: { message: "no such app", details: ["/id: unknown"], exitCode: 4, code: "not-found" },
    });
  });
});
