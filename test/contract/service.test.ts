import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { eventually } from "#test/support/eventually.js";
import { type NatsServer, startNats } from "#test/support/nats.js";
import { connected } from "#test/support/link.js";

const [source, built] = ["test/support/painter.ts", ".build/test/support/painter.js"];
/** What is built starts ten times as fast as the source; it is used when it is not older. */
const isBuilt = existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs;
const painter = isBuilt ? [built] : ["--import=tsx", "--conditions=source", source];

describe("the life of a service", function () {
  this.timeout(30_000);
  let nats: NatsServer;
  before(async () => {
    nats = await startNats();
  });
  after(() => nats.stop());

  const start = (env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, painter, {
      env: { PATH: process.env["PATH"], NATS_URL: nats.url, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = { out: "", err: "" };
    child.stdout.on("data", (piece: Buffer) => (text.out += piece.toString()));
    child.stderr.on("data", (piece: Buffer) => (text.err += piece.toString()));
    const ended = once(child, "close").then(([code]) => code as number | null);
    return {
      text,
      ended,
      signal: (name: NodeJS.Signals) => child.kill(name),
      started: () => eventually("the start", () => text.out.includes('"started"'), 20_000),
    };
  };

  it("serves, and on SIGTERM stops in good order: the service first, then the connection", async () => {
    const link = await connected(nats.url, "watcher");
    const heard: string[] = [];
    link.bus.messages("painted").subscribe(({ bytes }) => heard.push(new TextDecoder().decode(bytes)));
    const service = start();
    await service.started();
    assert.ok((await link.bus.request("paint", new Uint8Array([1]), 5000)).ok);
    service.signal("SIGTERM");
    assert.equal(await service.ended, 0);
    assert.match(service.text.out, /cleaning the brushes/);
    await eventually("its last words", () => heard.length === 1);
    await link.bus.close();
  });

  it("says all that is wrong with its settings, and nothing else", async () => {
    const service = start({ EMPORION_CLUSTER: "No!", EMPORION_LEASE_MS: "1", PAINTER_MISHAP: "all" });
    assert.equal(await service.ended, 78);
    assert.deepEqual(service.text.err.trim().split("\n"), [
      'painter: EMPORION_CLUSTER: expected a name like local: lower-case letters, digits, _ and -, beginning with a letter or digit, at most 32 characters, found "No!"',
      "painter: EMPORION_LEASE_MS: expected >= 1000, found 1",
      'painter: PAINTER_MISHAP: expected one of "none", "throw-late", "reject-late", "stop-hangs", found "all"',
    ]);
    assert.equal(service.text.out, "");
  });

  for (const mishap of ["throw-late", "reject-late"])
    it(`ends with 70 and the cause in its log on a bug (${mishap})`, async () => {
      const service = start({ PAINTER_MISHAP: mishap });
      assert.equal(await service.ended, 70);
      assert.match(service.text.out, /"message":"crashed"/);
      assert.match(service.text.out, /a bug/);
    });

  it("does not wait for ever for a stop that hangs", async () => {
    const service = start({ PAINTER_MISHAP: "stop-hangs" });
    await service.started();
    service.signal("SIGINT");
    assert.equal(await service.ended, 70);
    assert.match(service.text.out, /could not stop in time/);
  });

  it("waits for NATS, says so, and can be ended while it waits", async () => {
    const service = start({ NATS_URL: "nats://user:hunter2@127.0.0.1:1" });
    await eventually("the waiting to be said", () => service.text.out.includes("waiting for NATS"), 20_000);
    assert.ok(!service.text.out.includes("hunter2"));
    service.signal("SIGTERM");
    assert.equal(await service.ended, 0);
  });
});
