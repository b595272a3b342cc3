import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLogins } from "#libs/adapters/docker/logins.js";

describe("logins for registries", () => {
  const directory = mkdtempSync(join(tmpdir(), "emporion-logins-"));
  const file = join(directory, "config.json");
  after(() => rmSync(directory, { recursive: true }));

  const read = (text: string) => {
    writeFileSync(file, text);
    return readLogins(file);
  };
  const auth = Buffer.from("puller:pass:word").toString("base64");

  it("are found under the name that images have, however the client wrote it", () => {
    const logins = read(
      JSON.stringify({
        auths: {
          "registry.example.org:5000": { auth },
          "https://other.example.org/v2/": { auth },
          "https://index.docker.io/v1/": { auth },
          "kept.by.a.helper": {},
        },
        credsStore: "desktop",
      }),
    );
    assert(logins.ok);
    assert.deepEqual(
      [...logins.value.keys()],
      ["registry.example.org:5000", "other.example.org", "docker.io"],
    );
    assert.deepEqual(logins.value.get("docker.io"), { username: "puller", password: "pass:word" });
  });

  it("a file that is not there, or is none of Docker's, is refused without what is in it", () => {
    assert.deepEqual(readLogins(join(directory, "none")), {
      ok: false,
      error: `${directory}/none cannot be read: ENOENT`,
    });
    for (const text of [
      "s3cret",
      '{"auths":{"a":{"auth":7,"x":"s3cret"}}}',
      '{"auths":{"a":{"auth":"s3cret"}}}',
    ]) {
      const refused = read(text);
      assert(!refused.ok);
      assert.doesNotMatch(refused.error, /s3cret/);
      assert.ok(refused.error.startsWith(file));
    }
  });
});
