import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "#libs/adapters/clock.js";
import { SystemHost } from "#libs/adapters/host.js";
import { scalar } from "#libs/core/resources.js";
import type { PortRange } from "#protocol/resources.js";
import type { Host } from "#libs/ports/host.js";
import { SimHost } from "#libs/sim/host.js";
import { SeededRandom } from "#libs/sim/random.js";

/** A host, and others on it who want its ports. */
interface World {
  readonly host: Host;
  /** As a process sees it that is started later. */
  seenAgain(): Host;
  /** Somebody listens on a port of the address. */
  listen(address: string): Promise<number>;
  /** Whoever listens on the port ends. */
  release(port: number): Promise<void>;
  end(): Promise<void>;
}

function hostContract(open: () => World): void {
  let world: World;
  beforeEach(() => (world = open()));
  afterEach(() => world.end());

  it("has cpus, mem and disk, and the same when it is asked again", async () => {
    const detected = await world.host.detect();
    for (const name of ["cpus", "mem", "disk"]) {
      const amount = scalar(detected, name);
      assert.ok(Number.isSafeInteger(amount) && amount > 0, `${name}: ${amount}`);
    }
    assert.deepEqual(await world.host.detect(), detected);
    assert.deepEqual(await world.seenAgain().detect(), detected);
  });

  it("has no ports of its own accord: the operator says which tasks may use", async () => {
    assert.deepEqual((await world.host.detect()).ports, []);
  });

  it("is the same host for every process until it is started anew", () => {
    assert.notEqual(world.host.name, "");
    assert.notEqual(world.host.bootId, "");
    const { name, bootId, isRoot } = world.seenAgain();
    assert.deepEqual([name, bootId, isRoot], [world.host.name, world.host.bootId, world.host.isRoot]);
  });

  it("tells the free share of its disk", async () => {
    const free = await world.host.diskFree!();
    assert.ok(free > 0 && free <= 1, `${free}`);
  });

  for (const address of ["127.0.0.1", "0.0.0.0"])
    it(`knows a port on which somebody listens at ${address}, and when nobody does any more`, async () => {
      const port = await world.listen(address);
      assert.equal(await world.host.portTaken(port), true);
      assert.equal(await world.host.portTaken(port), true);
      await world.release(port);
      assert.equal(await world.host.portTaken(port), false);
    });

  it("names all ports of some ranges on which somebody listens, in one look, ascending", async () => {
    const ports = [await world.listen("127.0.0.1"), await world.listen("0.0.0.0")];
    const [first, last] = ports.toSorted((a, b) => a - b) as [number, number];
    const taken = (...ranges: PortRange[]) => world.host.takenPorts(ranges);
    const found = await taken([first, last]);
    assert.deepEqual([found[0], found.at(-1)], [first, last]);
    assert.deepEqual(
      found,
      found.toSorted((a, b) => a - b),
    );
    assert.deepEqual(await taken([last, last], [first, first]), [first, last]);
    assert.deepEqual(await taken([first, first]), [first]);
    assert.deepEqual(await taken(), []);
    await world.release(first);
    assert.deepEqual(await taken([first, first], [last, last]), [last]);
  });

  it("leaves a port that it has looked at to others", async () => {
    const port = await world.listen("127.0.0.1");
    await world.release(port);
    assert.equal(await world.host.portTaken(port), false);
    assert.equal(await world.host.portTaken(port), false);
    assert.equal(await world.seenAgain().portTaken(port), false);
  });
}

describe("host that is this one", () => {
  let workDir: string;
  const servers = new Map<number, Server>();
  const release = async (port: number) => {
    const server = servers.get(port)!;
    servers.delete(port);
    await new Promise((done) => void server.close(done));
  };

  hostContract(() => {
    workDir = mkdtempSync(join(tmpdir(), "emporion-host-"));
    return {
      host: new SystemHost({ workDir }),
      seenAgain: () => new SystemHost({ workDir }),
      async listen(address) {
        const server = createServer();
        await new Promise<void>((ready) => void server.listen(0, address, ready));
        const { port } = server.address() as AddressInfo;
        servers.set(port, server);
        return port;
      },
      release,
      async end() {
        for (const port of servers.keys()) await release(port);
        rmSync(workDir, { recursive: true, force: true });
      },
    };
  });
});

describe("host in memory", () => {
  const open = () =>
    new SimHost({ name: "host-a", clock: new SystemClock(), random: new SeededRandom("contract") });

  hostContract(() => {
    const host = open();
    let last = 31_000;
    return {
      host,
      // It outlives the processes on it, and all of them are handed the same.
      seenAgain: () => host,
      async listen() {
        host.taken.add(++last);
        return last;
      },
      release: async (port) => void host.taken.delete(port),
      end: async () => {},
    };
  });

  it("has another boot id after each start", () => {
    const host = open();
    const before = host.bootId;
    host.restart();
    assert.notEqual(host.bootId, before);
  });
});
