import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as auth from "#services/cli/auth-commands.js";
import type { Output } from "#services/cli/output.js";

describe("emporion auth", () => {
  let dir: string;
  let said: string[];
  const output = {
    isJson: false,
    list: (_: unknown, rows: string[][]) => said.push(...rows.map((row) => row.join(" "))),
    line: (text: string) => said.push(text),
  } as unknown as Output;

  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), "emporion-auth-")), "keys");
    said = [];
  });
  afterEach(() => rmSync(join(dir, ".."), { recursive: true, force: true }));

  const revoked = (): number =>
    Object.keys((JSON.parse(readFileSync(join(dir, "cluster.json"), "utf8")) as { revoked: object }).revoked)
      .length;

  it("what it issues comes with the settings that name it, and with the cluster that it is of", () => {
    auth.init(output, dir, "prod");
    said = [];
    auth.issue(output, dir, "agent", "host-1");
    const text = said.join("\n");
    assert.match(text, /For the cluster prod of .*\/keys; another's: --dir/);
    assert.match(
      text,
      /EMPORION_CLUSTER=prod EMPORION_NATS_CREDS_FILE=\S+agent-host-1\.creds EMPORION_AGENT_KEY_FILE=\S+\.key/,
    );
  });

  it("revokes what was issued; of what never was it says so, unless forced", () => {
    auth.init(output, dir, "prod");
    auth.issue(output, dir, "agent", "host-1");
    assert.throws(
      () => auth.revoke(output, dir, "agent", "ghost", false),
      /nothing that was issued to agent ghost is in .*, so nothing is revoked; --force/,
    );
    assert.equal(revoked(), 0);
    auth.revoke(output, dir, "agent", "host-1", false);
    auth.revoke(output, dir, "agent", "ghost", true);
    assert.equal(revoked(), 2);
  });

  it("says by which command anew is issued what it revoked", () => {
    auth.init(output, dir, "prod");
    for (const [kind, id, command] of [
      ["agent", "host-1", "agent host-1"],
      ["framework", "mine", "framework mine"],
      ["apps", "shop-apps", "framework shop-apps --serves apps"],
      ["jobs", undefined, "init"],
      ["master", undefined, "init"],
    ] as const) {
      said = [];
      auth.revoke(output, dir, kind, id, true);
      assert.ok(said.join("\n").includes(`\`emporion auth ${command} --dir ${dir}\``), said.join("\n"));
    }
  });

  it("where there is no cluster's key, it says how one is named", () => {
    assert.throws(() => auth.issue(output, dir, "framework", "x"), /has no cluster\.key in it: .* --dir/);
  });
});
