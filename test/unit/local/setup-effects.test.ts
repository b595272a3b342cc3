import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { findDocker } from "#setup/docker.mjs";
import { busyboxTar } from "#setup/image.mjs";
import { withLock } from "#setup/lock.mjs";
import { probeNats } from "#setup/probe.mjs";
import { fetchRelease } from "#setup/releases.mjs";
import { SetupError } from "#setup/run.mjs";
import { findConsul, findNats } from "#setup/servers.mjs";
import { openShelf } from "#setup/shelf.mjs";

let dir: string;
const closing: Server[] = [];
const environment = { ...process.env };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "emporion-setup-"));
});

afterEach(async () => {
  for (const server of closing.splice(0)) server.close();
  process.env = { ...environment };
  await rm(dir, { recursive: true, force: true });
});

async function listen(server: Server): Promise<number> {
  closing.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

describe("set-up: one at a time", () => {
  it("a second one waits for the first, and says for whom", async () => {
    const path = join(dir, "lock");
    const seen: string[] = [];
    let release: () => void = () => {};
    let enter: () => void = () => {};
    const entered = new Promise<void>((resolve) => (enter = resolve));
    const first = withLock(path, async () => {
      enter();
      await new Promise<void>((resolve) => (release = resolve));
      seen.push("first");
    });
    await entered;
    let tell: (line: string) => void = () => {};
    const told = new Promise<string>((resolve) => (tell = resolve));
    const second = withLock(path, async () => seen.push("second"), tell);
    assert.match(await told, new RegExp(`process ${process.pid}`));
    release();
    await Promise.all([first, second]);
    assert.deepEqual(seen, ["first", "second"]);
  });

  it("many in one process never meet", async () => {
    const path = join(dir, "lock");
    let inside = 0;
    const all = Array.from({ length: 5 }, () =>
      withLock(path, async () => {
        assert.equal(++inside, 1);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      }),
    );
    await Promise.all(all);
  });

  it("the lock of a dead process, or of one that only has its number, holds nobody up", async () => {
    for (const owner of ["999999999 1\n", `${process.pid} 1\n`, ""]) {
      const path = join(dir, "lock");
      await writeFile(path, owner);
      assert.equal(await withLock(path, async () => "in"), "in");
      assert.equal(existsSync(path), false);
    }
  });
});

describe("set-up: .tools", () => {
  it("a tool whose making failed is not there, and the one before it still is", async () => {
    const shelf = openShelf(dir);
    await shelf.put("nats", async (draft) => {
      await writeFile(join(draft, "program"), "old");
      return { program: "program", version: "1" };
    });
    const failing = shelf.put("nats", async (draft) => {
      await writeFile(join(draft, "program"), "half");
      throw new Error("killed");
    });
    await assert.rejects(failing, /killed/);
    const kept = await shelf.get("nats");
    assert.equal(kept?.version, "1");
    assert.equal(await readFile(join(dir, "nats", "program"), "utf8"), "old");
    await shelf.sweep();
    assert.equal(existsSync(shelf.draftsDir), false);
  });

  it("a directory without its note, left by somebody else, counts as nothing", async () => {
    await mkdir(join(dir, "nats"));
    assert.equal(await openShelf(dir).get("nats"), undefined);
  });
});

describe("set-up: a release", () => {
  async function serve(body: Buffer): Promise<string> {
    const server = createHttpServer((_, response) => response.end(body));
    return `http://127.0.0.1:${await listen(server)}`;
  }

  it("is refused when its bytes are not those pinned, and nothing is unpacked", async () => {
    const base = await serve(Buffer.from("something else"));
    const release = { url: `${base}/x.tar.gz`, sha256: "0".repeat(64), file: "x" };
    await assert.rejects(fetchRelease(release, dir), /expected SHA-256 0{64}, found [0-9a-f]{64}/);
    assert.equal(existsSync(join(dir, "x")), false);
  });

  it("is unpacked from a tar and from a zip", async () => {
    const program = Buffer.from("#!/bin/sh\necho hello\n");
    const archives = [
      { name: "a.tar.gz", bytes: gzipSync(busyboxTar(program, [])), file: "bin/busybox" },
      { name: "a.zip", bytes: storedZip("consul", program), file: "consul" },
    ];
    for (const { name, bytes, file } of archives) {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const path = await fetchRelease({ url: `${await serve(bytes)}/${name}`, sha256, file }, dir);
      assert.deepEqual(await readFile(path), program);
    }
  });

  it("that is not there is told with its address", async () => {
    const server = createHttpServer((_, response) => response.writeHead(404).end());
    const url = `http://127.0.0.1:${await listen(server)}/x.zip`;
    await assert.rejects(fetchRelease({ url, sha256: "", file: "x" }, dir), /x\.zip: answered 404/);
  });
});

describe("set-up: looking for a server", () => {
  const listenAt = async (path: string): Promise<void> => {
    const server = createHttpServer((_, response) => response.writeHead(404).end());
    closing.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  };
  const noPackages = (): Promise<never> => Promise.reject(new Error("this machine has no apt-get"));
  const context = (mode: "start" | "test") => ({
    mode,
    shelf: openShelf(dir),
    packages: noPackages,
    release: () => undefined,
  });

  async function greeter(info: object): Promise<number> {
    return await listen(createServer((socket) => socket.end(`INFO ${JSON.stringify(info)}\r\n`)));
  }

  async function putOnPath(name: string, says: string): Promise<void> {
    const bin = join(dir, "path");
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, name), `#!/bin/sh\necho "${says}"\n`);
    await chmod(join(bin, name), 0o755);
    process.env["PATH"] = `${bin}:${process.env["PATH"]}`;
  }

  it("takes the one that runs where NATS_URL says, before any program", async () => {
    await putOnPath("nats-server", "nats-server: v2.9.10");
    process.env["NATS_URL"] = `nats://127.0.0.1:${await greeter({ version: "2.11.0", jetstream: true })}`;
    assert.deepEqual(await findNats(context("start")), {
      kind: "running",
      url: process.env["NATS_URL"],
      version: "2.11.0",
    });
  });

  it("leaves it alone in tests, which stop and kill their servers", async () => {
    await putOnPath("nats-server", "nats-server: v2.9.10");
    process.env["NATS_URL"] = `nats://127.0.0.1:${await greeter({ version: "2.11.0", jetstream: true })}`;
    const found = await findNats(context("test"));
    assert.deepEqual(found, {
      kind: "binary",
      path: join(dir, "path", "nats-server"),
      from: "PATH",
      version: "2.9.10",
    });
  });

  it("ends with an error when the named one does not serve, instead of quietly using another", async () => {
    process.env["NATS_URL"] =
      `nats://me:secret@127.0.0.1:${await greeter({ version: "2.11.0", jetstream: false })}`;
    await assert.rejects(findNats(context("start")), (error: Error) => {
      assert.match(error.message, /NATS_URL: nats:\/\/127\.0\.0\.1:\d+ runs without JetStream/);
      return error instanceof SetupError && !error.message.includes("secret");
    });
  });

  it("a Docker engine too: one that is named and does not serve is an error, in tests it is passed over", async () => {
    await listenAt(join(dir, "other.sock"));
    const cases = [
      [`unix://${join(dir, "none.sock")}`, /^DOCKER_HOST: .*none\.sock is not there\. Start or correct it/],
      [`unix://${join(dir, "other.sock")}`, /^DOCKER_HOST: .*other\.sock: answered \/version with 404/],
      [
        "tcp://me:secret@10.0.0.1:2375",
        /^DOCKER_HOST: tcp:\/\/10\.0\.0\.1:2375 is not a unix socket of this machine/,
      ],
    ] as const;
    for (const [host, words] of cases) {
      process.env["DOCKER_HOST"] = host;
      await assert.rejects(findDocker(context("start")), (error: Error) => {
        assert.match(error.message, words);
        return error instanceof SetupError;
      });
      assert.notEqual((await findDocker(context("test"))).kind, "running");
    }
  });

  it("passes over what is too old, and in the end gives every reason", async () => {
    delete process.env["CONSUL_HTTP_ADDR"];
    await putOnPath("consul", "Consul v1.4.0");
    const found = await findConsul(context("start"));
    assert.equal(found.kind, "missing");
    const reason = found.kind === "missing" ? found.reason : "";
    assert.match(reason, /version 1\.8 or newer is needed, found 1\.4\.0/);
    assert.match(reason, /packages: this machine has no apt-get/);
    assert.match(reason, /release: none is pinned/);
  });

  it("tells a port where nobody listens, and one that does not speak NATS", async () => {
    const silent = createServer();
    const port = await listen(silent);
    await new Promise((resolve) => silent.close(resolve));
    assert.match(JSON.stringify(await probeNats(`nats://127.0.0.1:${port}`)), /ECONNREFUSED/);
    const web = await listen(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n")));
    assert.deepEqual(await probeNats(`127.0.0.1:${web}`), { ok: false, reason: "does not speak NATS" });
  });
});

/** A zip archive of one stored file, as APPNOTE.TXT 4.3 lays it out. */
function storedZip(name: string, content: Buffer): Buffer {
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt32LE(content.length, 20);
  central.writeUInt32LE(content.length, 24);
  central.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + name.length + content.length, 16);
  return Buffer.concat([local, Buffer.from(name), content, central, Buffer.from(name), end]);
}
