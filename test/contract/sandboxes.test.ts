import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SystemClock } from "#libs/adapters/clock.js";
import { Users } from "#libs/adapters/process/users.js";
import { SystemRandom } from "#libs/adapters/random.js";
import type { ArtifactLimits } from "#libs/adapters/sandbox/artifacts.js";
import { HostSandboxes } from "#libs/adapters/sandboxes.js";
import type { Sandboxes } from "#libs/ports/sandboxes.js";
import { SimSandboxes } from "#libs/sim/sandboxes.js";
import type { Result } from "#protocol/result.js";
import type { Artifact } from "#protocol/task.js";

const isRoot = process.getuid?.() === 0;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function value<T, E>(result: Result<T, E>): T {
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.error));
  return result.value;
}
function error<T, E>(result: Result<T, E>): E {
  assert.ok(!result.ok, "it went well");
  return result.error;
}

interface World {
  readonly sandboxes: Sandboxes;
  /** As the task would. */
  write(task: string, path: string, content: string): void;
  /** Something that can be brought: its URI. */
  offer(name: string, content: string): string;
  end(): void;
}

function sandboxesContract(open: () => World): void {
  let world: World;
  beforeEach(() => (world = open()));
  afterEach(() => world.end());
  const create = async (task: string) => value(await world.sandboxes.create(task, undefined));
  const read = async (path: string, offset = 0, length = 1000) => {
    const { bytes, ...rest } = value(await world.sandboxes.read("one", path, offset, length));
    return { ...rest, text: text(bytes) };
  };

  it("creating is safe to repeat, and keeps what is there", async () => {
    await create("one");
    world.write("one", "file", "kept");
    await create("one");
    assert.equal((await read("file")).text, "kept");
    assert.deepEqual(await world.sandboxes.all(), ["one"]);
  });

  it("reads a range, and what is before the end", async () => {
    await create("one");
    world.write("one", "log", "0123456789");
    assert.deepEqual(await read("log"), { offset: 0, size: 10, text: "0123456789" });
    assert.deepEqual(await read("log", 3, 4), { offset: 3, size: 10, text: "3456" });
    assert.deepEqual(await read("log", -3), { offset: 7, size: 10, text: "789" });
    assert.deepEqual(await read("log", -3, 2), { offset: 7, size: 10, text: "78" });
    assert.deepEqual(await read("log", -100), { offset: 0, size: 10, text: "0123456789" });
    assert.deepEqual(await read("log", 100), { offset: 10, size: 10, text: "" });
  });

  it("what is not there, a directory and what is outside are refused in words", async () => {
    await create("one");
    world.write("one", "dir/file", "x");
    const refused = async (path: string) => error(await world.sandboxes.read("one", path, 0, 10));
    assert.equal(await refused("nothing"), "nothing: no such file");
    assert.equal(await refused("dir"), "dir: not a regular file");
    assert.equal(await refused("../other/file"), "../other/file: outside the sandbox");
    assert.equal(await refused("dir/../../x"), "dir/../../x: outside the sandbox");
    assert.equal(await refused("/etc/passwd"), "/etc/passwd: paths are relative to the sandbox");
  });

  it("lists a directory, in order, with kind and size", async () => {
    await create("one");
    world.write("one", "b", "22");
    world.write("one", "a/c", "333");
    const list = async (path: string) =>
      value(await world.sandboxes.list("one", path)).map(({ path: entry, kind, size, modifiedAt }) => {
        assert.ok(modifiedAt > 0);
        return [entry, kind, kind === "file" ? size : "-"];
      });
    assert.deepEqual(await list(""), [
      ["a", "directory", "-"],
      ["b", "file", 2],
    ]);
    assert.deepEqual(await list("a/"), [["a/c", "file", 3]]);
    assert.match(error(await world.sandboxes.list("one", "nothing")), /^nothing: no such file/);
    assert.match(error(await world.sandboxes.list("one", "..")), /outside the sandbox/);
  });

  /** One that began later, for a file that does not grow, and took its whole time. */
  const anotherWaitIsOver = () => world.sandboxes.grown("one", "still", 0, 50);

  it("waits until a file grows", async () => {
    await create("one");
    world.write("one", "log", "begin");
    let grown = false;
    const waiting = world.sandboxes.grown("one", "log", 5, 10_000).then(() => (grown = true));
    await anotherWaitIsOver();
    assert.equal(grown, false);
    world.write("one", "log", "begin and more");
    await waiting;
  });

  it("does not wait for a file that has grown already, nor longer than asked", async () => {
    await create("one");
    world.write("one", "log", "begin");
    await world.sandboxes.grown("one", "log", 3, 10_000);
    const begun = performance.now();
    await world.sandboxes.grown("one", "log", 5, 50);
    assert.ok(performance.now() - begun >= 45);
  });

  it("waits for a file that is not there yet", async () => {
    await create("one");
    let grown = false;
    const waiting = world.sandboxes.grown("one", "stdout", 0, 10_000).then(() => (grown = true));
    await anotherWaitIsOver();
    assert.equal(grown, false);
    world.write("one", "stdout", "first words");
    await waiting;
  });

  it("brings artifacts under their names", async () => {
    await create("one");
    const uri = world.offer("app.jar", "content");
    value(await world.sandboxes.fetch("one", [{ uri }, { uri, path: "lib/other.jar" }]));
    assert.equal((await read("app.jar")).text, "content");
    assert.equal((await read("lib/other.jar")).text, "content");
  });

  it("an artifact that is not there is told in words", async () => {
    await create("one");
    const uri = world.offer("app.jar", "content").replace("app.jar", "none.jar");
    const { reason, message } = error(await world.sandboxes.fetch("one", [{ uri }]));
    assert.equal(reason, "artifact-missing");
    assert.match(message, /none\.jar.*no such file/);
  });

  it("removes a sandbox whole, and that is safe to repeat", async () => {
    await create("one");
    await create("two");
    world.write("one", "a/b/c", "x");
    await world.sandboxes.remove("one");
    await world.sandboxes.remove("one");
    assert.deepEqual(await world.sandboxes.all(), ["two"]);
  });
}

describe("sandboxes in memory", () => {
  sandboxesContract(() => {
    const artifacts = new Map<string, Uint8Array>();
    const sandboxes = new SimSandboxes({ clock: new SystemClock(), random: new SystemRandom(), artifacts });
    return {
      sandboxes,
      write: (task, path, content) => sandboxes.write(task, path, Buffer.from(content)),
      offer(name, content) {
        artifacts.set(`file:///offered/${name}`, Buffer.from(content));
        return `file:///offered/${name}`;
      },
      end: () => {},
    };
  });
});

describe("sandboxes on disk", () => {
  let root: string;
  const users = new Users({ defaultUser: isRoot ? "nobody" : `${process.getuid?.()}`, allowRoot: true });
  const open = (artifacts: Partial<ArtifactLimits> = {}) =>
    new HostSandboxes({ workDir: join(root, "work"), users, artifacts });
  const begin = () => {
    root = mkdtempSync(join(tmpdir(), "emporion-sandboxes-"));
    chmodSync(root, 0o755);
    mkdirSync(join(root, "offered"));
  };
  const end = () => rmSync(root, { recursive: true, force: true });
  const offer = (name: string, content: string) => {
    const file = join(root, "offered", name);
    writeFileSync(file, content);
    return `file://${file}`;
  };

  sandboxesContract(() => {
    begin();
    const sandboxes = open();
    return {
      sandboxes,
      write(task, path, content) {
        const file = join(sandboxes.directory(task), path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content);
      },
      offer,
      end,
    };
  });

  describe("whose content is hostile", () => {
    let sandboxes: HostSandboxes;
    let dir: string;
    beforeEach(async () => {
      begin();
      sandboxes = open();
      value(await sandboxes.create("one", undefined));
      dir = sandboxes.directory("one");
      writeFileSync(join(root, "secret"), "secret", { mode: 0o600 });
    });
    afterEach(end);
    const refused = async (path: string) => error(await sandboxes.read("one", path, 0, 10));

    it("links are not followed, as the last part of a path or before it", async () => {
      symlinkSync(join(root, "secret"), join(dir, "link"));
      symlinkSync(root, join(dir, "up"));
      assert.equal(await refused("link"), "link: not a regular file");
      assert.equal(await refused("up/secret"), "up: not a directory, or a link");
      assert.match(error(await sandboxes.list("one", "up")), /not a directory, or a link/);
      const kinds = value(await sandboxes.list("one", "")).map(({ path, kind }) => [path, kind]);
      assert.deepEqual(kinds, [
        ["link", "other"],
        ["up", "other"],
      ]);
    });

    it("a sandbox that was replaced by a link is not followed either", async () => {
      rmSync(dir, { recursive: true });
      symlinkSync(root, dir);
      assert.match(await refused("secret"), /not a directory, or a link/);
    });

    it("a hard link to somebody else's file is refused, one to an own file is not", async function () {
      if (!isRoot) return this.skip();
      linkSync(join(root, "secret"), join(dir, "hard"));
      assert.equal(await refused("hard"), "hard: a file of another user");
      writeFileSync(join(dir, "own"), "own");
      chownSync(join(dir, "own"), 65534, 65534);
      linkSync(join(dir, "own"), join(dir, "own2"));
      assert.equal(text(value(await sandboxes.read("one", "own2", 0, 10)).bytes), "own");
    });

    it("a pipe does not hold up the reader", async () => {
      execFileSync("mkfifo", [join(dir, "pipe")]);
      assert.equal(await refused("pipe"), "pipe: not a regular file");
    });

    it("waiting for a link to grow ends at once or in time", async () => {
      symlinkSync(join(root, "secret"), join(dir, "link"));
      await sandboxes.grown("one", "link", 0, 50);
      appendFileSync(join(root, "secret"), "more");
      assert.equal(error(await sandboxes.read("one", "link", 0, 10)), "link: not a regular file");
    });

    it("removing does not go through links", async () => {
      symlinkSync(root, join(dir, "up"));
      await sandboxes.remove("one");
      assert.ok(existsSync(join(root, "secret")));
      assert.ok(!existsSync(dir));
    });

    it("belongs to the task's user, and others cannot look into it", async function () {
      if (!isRoot) return this.skip();
      const { uid, mode } = statSync(dir);
      assert.deepEqual([uid, mode & 0o777], [65534, 0o750]);
      assert.equal(statSync(dirname(dir)).mode & 0o777, 0o711);
    });

    it("a user who is not there is refused in words", async function () {
      if (!isRoot) return this.skip();
      assert.deepEqual(error(await sandboxes.create("two", "ghost")), {
        reason: "not-allowed",
        message: "there is no user ghost on this host",
      });
    });
  });

  describe("artifacts", () => {
    let sandboxes: HostSandboxes;
    let server: Server | undefined;
    const content = "some bytes";
    const sha256 = createHash("sha256").update(content).digest("hex");

    beforeEach(async () => {
      begin();
      sandboxes = open();
      value(await sandboxes.create("one", undefined));
    });
    afterEach(() => {
      server?.closeAllConnections();
      server?.close();
      server = undefined;
      end();
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
      assert.deepEqual(readdirSync(join(root, "work", "arriving")), []);
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
      const uri = offer("large", "x".repeat(2000));
      const small = open({ bytesMax: 1000 });
      value(await small.create("one", undefined));
      assert.match(await refused({ uri }, small), /larger than 1000 bytes/);
      assert.deepEqual(inSandbox(), []);
    });

    it("one that does not come to an end", async () => {
      const base = await serve((_, response) => void response.write("begin"));
      const hasty = open({ timeoutMs: 100 });
      value(await hasty.create("one", undefined));
      assert.match(await refused({ uri: `${base}/file` }, hasty), /not there within 100 ms/);
    });

    it("a path that leads outside, or is the task's output", async () => {
      const uri = offer("file", content);
      assert.match(await refused({ uri, path: "../x" }), /outside the sandbox/);
      assert.match(await refused({ uri, path: "/etc/x" }), /relative to the sandbox/);
      assert.match(await refused({ uri, path: "stdout" }), /the task's output/);
      assert.match(await refused({ uri: "http://127.0.0.1/" }), /give it a path/);
      assert.match(await refused({ uri: "http://127.0.0.1/..%2f..%2fx" }), /outside the sandbox/);
    });

    it("a file of the host only if the task's user may read it, or where the operator allows it", async function () {
      if (!isRoot) return this.skip();
      const uri = offer("private", content);
      chmodSync(join(root, "offered", "private"), 0o600);
      assert.equal(await refused({ uri }), `artifact ${uri}: user nobody may not read it`);
      chmodSync(join(root, "offered", "private"), 0o644);
      value(await fetch({ uri }));
      chmodSync(join(root, "offered"), 0o700);
      assert.match(await refused({ uri, path: "second" }), /user nobody may not read it/);
      const allowed = open({ fileRoots: [join(root, "offered")] });
      value(await allowed.create("one", undefined));
      value(await fetch({ uri, path: "second" }, allowed));
    });

    it("a directory or a device is no artifact", async () => {
      assert.match(await refused({ uri: `file://${join(root, "offered")}` }), /not a regular file/);
      assert.match(await refused({ uri: "file:///dev/null", path: "x" }), /not a regular file/);
    });
  });
});
