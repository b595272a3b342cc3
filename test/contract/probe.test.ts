import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { SystemClock } from "#libs/adapters/clock.js";
import { HostProbe } from "#libs/adapters/probe.js";
import type { Probe, ProbeResult } from "#libs/ports/probe.js";
import { SimProbe } from "#libs/sim/probe.js";
import { eventually } from "#test/support/eventually.js";
import { freePorts } from "#test/support/tools.js";

/** A probe and something for it to look at, on 127.0.0.1. */
interface World {
  readonly probe: Probe;
  /** Answers every request with the status that the path names: `/503`. Returns its port. */
  answering(): Promise<number>;
  /** Takes connections and says nothing. */
  silent(): Promise<number>;
  nobody(): Promise<number>;
  close(): Promise<void>;
}

function probeContract(open: () => World): void {
  let world: World;
  beforeEach(() => (world = open()));
  afterEach(() => world.close());

  /** What is found at the path, with the message but for the address before it. */
  const http = async (path: string) => {
    const url = `http://127.0.0.1:${await world.answering()}${path}`;
    return without(url, await world.probe.http(url, 2000));
  };
  const without = (where: string, { healthy, message }: ProbeResult): ProbeResult => {
    assert.ok(message.startsWith(`${where}: `), message);
    return { healthy, message: message.slice(where.length + 2) };
  };

  it("http: a status of 200 to 399 is healthy, and redirects are not followed", async () => {
    assert.deepEqual(await http("/200"), { healthy: true, message: "status 200" });
    assert.deepEqual(await http("/204"), { healthy: true, message: "status 204" });
    assert.deepEqual(await http("/302"), { healthy: true, message: "status 302" });
    assert.deepEqual(await http("/399"), { healthy: true, message: "status 399" });
  });

  it("http: other statuses are not", async () => {
    assert.deepEqual(await http("/400"), { healthy: false, message: "status 400" });
    assert.deepEqual(await http("/503"), { healthy: false, message: "status 503" });
  });

  it("http: silence is not", async () => {
    const url = `http://127.0.0.1:${await world.silent()}/`;
    assert.deepEqual(without(url, await world.probe.http(url, 50)), {
      healthy: false,
      message: "no answer within 50 ms",
    });
  });

  it("http: nobody there is not", async () => {
    const port = await world.nobody();
    const message = `http://127.0.0.1:${port}/: connect ECONNREFUSED 127.0.0.1:${port}`;
    assert.deepEqual(await world.probe.http(`http://127.0.0.1:${port}/`, 2000), { healthy: false, message });
  });

  it("http: what is no URL with http is not, in words", async () => {
    for (const url of ["nonsense", "https://127.0.0.1/", "http://"])
      assert.deepEqual(await world.probe.http(url, 50), {
        healthy: false,
        message: `${url}: expected a URL with http`,
      });
  });

  it("tcp: a connection is enough", async () => {
    for (const port of [await world.silent(), await world.answering()]) {
      const message = `127.0.0.1:${port}: connected`;
      assert.deepEqual(await world.probe.tcp("127.0.0.1", port, 2000), { healthy: true, message });
    }
  });

  it("tcp: nobody there is not healthy", async () => {
    const port = await world.nobody();
    const message = `127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`;
    assert.deepEqual(await world.probe.tcp("127.0.0.1", port, 2000), { healthy: false, message });
  });
}

describe("probe in memory", () => {
  probeContract(() => {
    const probe = new SimProbe(new SystemClock());
    let port = 1000;
    const status = (path: string) => Number(path.slice(1));
    return {
      probe,
      async answering() {
        probe.listen("127.0.0.1", ++port, { status });
        return port;
      },
      async silent() {
        probe.listen("127.0.0.1", ++port, "silent");
        return port;
      },
      nobody: async () => ++port,
      close: async () => undefined,
    };
  });

  it("one that stops listening leaves its successor alone", async () => {
    const probe = new SimProbe(new SystemClock());
    const stopFirst = probe.listen("a", 1, "silent");
    const stopSecond = probe.listen("a", 1, { status: () => 200 });
    stopFirst();
    assert.equal((await probe.http("http://a:1/", 10)).healthy, true);
    stopSecond();
    assert.equal((await probe.tcp("a", 1)).healthy, false);
  });
});

describe("probe of this host", () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const listen = (server: Server): Promise<number> => {
    servers.push(server);
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => undefined);
    });
    return new Promise((ready) => {
      server.listen(0, "127.0.0.1", () => ready((server.address() as AddressInfo).port));
    });
  };
  const answering = () =>
    listen(
      createHttpServer(({ url = "" }, response) => {
        // The head is enough: the body never comes to an end.
        response.writeHead(Number(url.slice(1)), { location: "http://127.0.0.1:1/" }).flushHeaders();
      }),
    );
  const silent = () => listen(createServer((socket) => void socket.resume()));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((done) => void server.close(done))));
  };

  probeContract(() => ({
    probe: new HostProbe(),
    answering,
    silent,
    nobody: async () => (await freePorts(1))[0]!,
    close,
  }));

  it("leaves no connection open, whatever it found", async () => {
    const probe = new HostProbe();
    const [talks, says] = [await answering(), await silent()];
    await probe.http(`http://127.0.0.1:${talks}/200`, 2000);
    await probe.http(`http://127.0.0.1:${says}/`, 20);
    await probe.tcp("127.0.0.1", says, 2000);
    await eventually("all to be closed", () => sockets.size === 0);
    await close();
  });

  it("leaves no timer behind that would keep the process alive", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const [talks, says] = [await answering(), await silent()];
    const before = timers();
    await new HostProbe().http(`http://127.0.0.1:${talks}/200`, 60_000);
    await new HostProbe().tcp("127.0.0.1", says, 60_000);
    assert.equal(timers(), before);
    await close();
  });

  it("a name that leads nowhere is unhealthy in words", async () => {
    const { healthy, message } = await new HostProbe().tcp("nowhere.invalid", 80, 5000);
    assert.equal(healthy, false);
    assert.match(message, /nowhere\.invalid/);
  });
});
