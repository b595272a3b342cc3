import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErrorCode, NatsError } from "nats";
import { CommonSettings, readConfig } from "#libs/adapters/config.js";
import { readCredentials } from "#libs/adapters/nats/auth/credentials.js";
import { AuthDirectory } from "#libs/adapters/nats/auth/directory.js";
import { HmacSealer } from "#libs/adapters/sealer.js";
import { connectionFaults, principalFaults, refusedFault } from "#libs/adapters/world.js";

const now = () => 1_700_000_000_000;

describe("the directory of a cluster's secrets", () => {
  let parent: string;
  let path: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "emporion-auth-"));
    path = join(parent, "keys");
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));
  const text = (file: string) => readFileSync(join(path, file), "utf8");

  it("secrets are for their owner only; the servers' configuration holds none", () => {
    const directory = AuthDirectory.make(path, "c", now);
    directory.writeServerConfiguration();
    directory.issue({ kind: "agent", id: "a1" });
    const modes = readdirSync(path).map((file) => [file, statSync(join(path, file)).mode & 0o777]);
    assert.deepEqual(Object.fromEntries(modes), {
      "agent-a1.creds": 0o600,
      "agent-a1.key": 0o600,
      "cluster.json": 0o644,
      "cluster.key": 0o600,
      "nats-auth.conf": 0o644,
    });
    const configuration = text("nats-auth.conf");
    assert.doesNotMatch(configuration, /\bS[OAU][A-Z2-7]{56}\b/);
    assert.ok(!configuration.includes(text("cluster.key").trim()));
  });

  it("made again it is the same: the key stays, and with it everything that was issued", () => {
    const first = AuthDirectory.make(path, "c", now);
    first.writeServerConfiguration();
    const [creds] = first.issue({ kind: "framework", id: "f.1" });
    const before = [text("cluster.key"), text("nats-auth.conf"), readFileSync(creds!, "utf8")];
    const second = AuthDirectory.make(path, "c", now);
    second.writeServerConfiguration();
    second.issue({ kind: "framework", id: "f.1" });
    assert.deepEqual([text("cluster.key"), text("nats-auth.conf"), readFileSync(creds!, "utf8")], before);
  });

  it("an agent's key is the one that masters seal its offers with", () => {
    const [, key] = AuthDirectory.make(path, "c", now).issue({ kind: "agent", id: "a1" });
    const clusterKey = text("cluster.key").trim();
    assert.equal(readFileSync(key!, "utf8").trim(), new HmacSealer(clusterKey).agentKey("a1"));
  });

  it("is one cluster's; what is not one says what to do", () => {
    assert.throws(
      () => AuthDirectory.open(path, now),
      /no cluster\.key in it: make one with `emporion auth init`/,
    );
    AuthDirectory.make(path, "c", now);
    assert.throws(() => AuthDirectory.make(path, "d", now), /is of the cluster c, not of d/);
    writeFileSync(join(path, "cluster.json"), "{");
    assert.throws(() => AuthDirectory.open(path, now), /cluster\.json: expected/);
    writeFileSync(join(path, "cluster.json"), '{"cluster":"c"}');
    writeFileSync(join(path, "cluster.key"), "short");
    assert.throws(
      () => AuthDirectory.open(path, now),
      (cause: Error) => /16 characters/.test(cause.message) && !cause.message.includes("short"),
    );
  });

  it("what is issued in the second of a revocation counts", () => {
    const directory = AuthDirectory.make(path, "c", now);
    directory.revoke({ kind: "agent", id: "a1" });
    const [creds] = directory.issue({ kind: "agent", id: "a1" });
    const token = /eyJ\S+/.exec(readFileSync(creds!, "utf8"))![0];
    const { iat } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { iat: number };
    const { revoked } = JSON.parse(text("cluster.json")) as { revoked: Record<string, number> };
    assert.deepEqual(Object.values(revoked), [iat - 1]);
  });

  it("credentials say whose they are, and a service takes only its own", () => {
    const directory = AuthDirectory.make(path, "c", now);
    const [file] = directory.issue({ kind: "agent", id: "a.1" });
    const read = readCredentials(readFileSync(file!, "utf8"));
    assert.ok(read.ok);
    const { kind, id, cluster, inboxPrefix } = read.value;
    assert.deepEqual(
      { kind, id, cluster, inboxPrefix },
      {
        kind: "agent",
        id: "a.1",
        cluster: "c",
        inboxPrefix: "_INBOX.agent.a=2E1",
      },
    );
    const settings = (env: Record<string, string>) => {
      const config = readConfig(CommonSettings, { EMPORION_NATS_CREDS_FILE: file, ...env });
      assert.ok(config.ok);
      return config.value;
    };
    const ours = settings({ EMPORION_CLUSTER: "c" });
    assert.deepEqual(connectionFaults(ours), []);
    assert.deepEqual(principalFaults(ours, { kind: "agent", id: "a.1" }), []);
    assert.deepEqual(principalFaults(ours, { kind: "agent", id: "a2" }), [
      { path: "EMPORION_NATS_CREDS", expected: "credentials of agent a2", found: "those of agent a.1" },
    ]);
    assert.deepEqual(connectionFaults(settings({ EMPORION_CLUSTER: "d", EMPORION_NATS_CERT: "x" })), [
      {
        path: "EMPORION_NATS_KEY",
        expected: "both a certificate and its key, or neither",
        found: "one of them",
      },
      { path: "EMPORION_NATS_CREDS", expected: "credentials of the cluster d", found: "those of c" },
    ]);
  });

  it("an address that no server can have, and a server that lets nobody in, are told with the setting to mend", () => {
    const settings = (natsUrl: string) => {
      const config = readConfig(CommonSettings, { NATS_URL: natsUrl });
      assert.ok(config.ok);
      return config.value;
    };
    assert.deepEqual(connectionFaults(settings("nats://a:4222, tls://me:pw@b, c")), []);
    assert.deepEqual(
      connectionFaults(settings("http://me:hunter2@a,nats://b:99999,nats://c")).map(({ path, found }) => [
        path,
        found,
      ]),
      [
        ["NATS_URL", "http://…@a"],
        ["NATS_URL", "nats://b:99999"],
      ],
    );
    const violation = new NatsError("'Authorization Violation'", ErrorCode.AuthorizationViolation);
    const fault = refusedFault(
      settings("nats://me:hunter2@a"),
      { kind: "framework", id: "billing" },
      violation,
    );
    assert.deepEqual(fault, {
      path: "EMPORION_NATS_CREDS_FILE",
      expected:
        "credentials that the NATS server at nats://…@a (NATS_URL) takes, as `emporion auth framework billing` issues them",
      found: "none: 'Authorization Violation'",
    });
    assert.equal(refusedFault(settings("nats://a"), undefined, new Error("a bug")), undefined);
  });

  it("a file that holds no credentials is refused without showing it", () => {
    for (const content of [
      "",
      "hunter2",
      "-----BEGIN X-----\nhunter2\n-----END X-----\n-----BEGIN Y-----\nhunter2\n-----END Y-----",
    ]) {
      const read = readCredentials(content);
      assert.ok(!read.ok && !read.error.includes("hunter2"));
    }
  });
});
