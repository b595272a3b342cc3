import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, readdirSync, statSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { HostSandboxes } from "#libs/adapters/sandboxes.js";
import type { Artifact } from "#protocol/task.js";
import { isRoot, SandboxDisk } from "./sandbox-disk.js";
import { error, value } from "./sandboxes.js";

describe("artifacts in sandboxes on disk", () => {
  let disk: SandboxDisk;
  let sandboxes: HostSandboxes;
  let server: Server | undefined;
  const content = "some bytes";
  const sha256 = createHash("sha256").update(content).digest("hex");

  beforeEach(async () => {
    disk = new SandboxDisk();
    sandboxes = disk.open();
    value(await sandboxes.create("one", undefined));
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    disk.end();
  });
  const serve = (listener: RequestListener): Promise<string> =>
    new Promise((ready) => {
      server = createServer(listener).listen(0, "127.0.0.1", () =>
        ready(`http://127.0.0.1:${(server!.address() as AddressInfo).port}`),
      );
    });
  const fetch = (artifact: Artifact, from = sandboxes) => from.fetch("one", [artifact]);
  const refused = async (artifact: Artifact, from = sandboxes) => {
    const { reason, message } = error(await fetch(artifact, from));
    assert.equal(reason, "artifact-missing");
    return message;
  };
  const inSandbox = () => readdirSync(sandboxes.directory("one"));
  const file = (name: string) => statSync(join(sandboxes.directory("one"), name));

  it("over HTTP, checked, executable and the user's", async () => {
    const base = await serve((_, response) => response.end(content));
    value(await fetch({ uri: `${base}/a%20b?token=1`, sha256, executable: true }));
    assert.deepEqual(inSandbox(), ["a b"]);
    assert.equal(file("a b").mode & 0o777, 0o755);
    if (isRoot) assert.equal(file("a b").uid, 65534);
  });

  it("one with another checksum is never seen under its name", async () => {
    const base = await serve((_, response) => response.end("other bytes"));
    const message = await refused({ uri: `${base}/file`, sha256 });
    const found = createHash("sha256").update("other bytes").digest("hex");
    assert.equal(message, `artifact ${base}/file: sha256 is ${found}, expected ${sha256}`);
    assert.deepEqual(inSandbox(), []);
    assert.deepEqual(readdirSync(join(disk.root, "work", "arriving")), []);
  });

  it("an answer that is none, and a server that is not there", async () => {
    const base = await serve((_, response) => response.writeHead(404).end());
    assert.equal(await refused({ uri: `${base}/file` }), `artifact ${base}/file: HTTP 404 Not Found`);
    server!.close();
    assert.match(await refused({ uri: "http://127.0.0.1:1/file" }), /fetch failed/);
  });

  it("what is secret in a URI is sent, but not told", async () => {
    let authorization: string | undefined;
    const base = await serve((request, response) => {
      authorization = request.headers.authorization;
      response.writeHead(403).end();
    });
    const uri = `${base.replace("//", "//me:pass@")}/file?token=abc`;
    const message = await refused({ uri });
    assert.equal(authorization, `Basic ${Buffer.from("me:pass").toString("base64")}`);
    assert.equal(message, `artifact ${base}/file: HTTP 403 Forbidden`);
  });

  it("one that is too large", async () => {
    const uri = disk.offer("large", "x".repeat(2000));
    const small = disk.open({ bytesMax: 1000 });
    value(await small.create("one", undefined));
    assert.match(await refused({ uri }, small), /larger than 1000 bytes/);
    assert.deepEqual(inSandbox(), []);
  });

  it("one that does not come to an end", async () => {
    const base = await serve((_, response) => void response.write("begin"));
    const hasty = disk.open({ timeoutMs: 100 });
    value(await hasty.create("one", undefined));
    assert.match(await refused({ uri: `${base}/file` }, hasty), /not there within 100 ms/);
  });

  it("a path that leads outside, or is the task's output", async () => {
    const uri = disk.offer("file", content);
    assert.match(await refused({ uri, path: "../x" }), /outside the sandbox/);
    assert.match(await refused({ uri, path: "/etc/x" }), /relative to the sandbox/);
    assert.match(await refused({ uri, path: "stdout" }), /the task's output/);
    assert.match(await refused({ uri: "http://127.0.0.1/" }), /give it a path/);
    assert.match(await refused({ uri: "http://127.0.0.1/..%2f..%2fx" }), /outside the sandbox/);
  });

  it("a file of the host only if the task's user may read it, or where the operator allows it", async function () {
    if (!isRoot) return this.skip();
    const uri = disk.offer("private", content);
    chmodSync(join(disk.root, "offered", "private"), 0o600);
    assert.equal(await refused({ uri }), `artifact ${uri}: user nobody may not read it`);
    chmodSync(join(disk.root, "offered", "private"), 0o644);
    value(await fetch({ uri }));
    chmodSync(join(disk.root, "offered"), 0o700);
    assert.match(await refused({ uri, path: "second" }), /user nobody may not read it/);
    const allowed = disk.open({ fileRoots: [join(disk.root, "offered")] });
    value(await allowed.create("one", undefined));
    value(await fetch({ uri, path: "second" }, allowed));
  });

  it("a directory or a device is no artifact", async () => {
    assert.match(await refused({ uri: `file://${join(disk.root, "offered")}` }), /not a regular file/);
    assert.match(await refused({ uri: "file:///dev/null", path: "x" }), /not a regular file/);
  });
});
