import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { ConsulCatalog } from "#libs/adapters/consul.js";
import { NoCatalog } from "#libs/adapters/no-catalog.js";
import type { CatalogEntry } from "#libs/core/catalog-entry.js";
import type { Catalog } from "#libs/ports/catalog.js";
import { SimCatalog } from "#libs/sim/catalog.js";
import { type ConsulServer, startConsul } from "#test/support/consul.js";
import { eventually } from "#test/support/eventually.js";

const entry = (over: Partial<CatalogEntry> = {}): CatalogEntry => ({
  id: "em:c:agent-a:web.1:0",
  name: "demo-web",
  address: "127.0.0.1",
  port: 31_001,
  tags: ["v1", "rack-a"],
  meta: { task: "web.1", agent: "agent-a" },
  check: { kind: "told", healthy: true },
  ...over,
});

const prefix = "em:c:agent-a:";

async function listed(catalog: Catalog): Promise<Record<string, string>> {
  const found = await catalog.list(prefix);
  assert.ok(found.ok, found.ok ? "" : found.error);
  return Object.fromEntries(found.value);
}

async function done(result: Promise<{ ok: boolean }>): Promise<void> {
  assert.deepEqual(await result, { ok: true, value: undefined });
}

function catalogContract(open: () => Catalog): void {
  let catalog: Catalog;
  beforeEach(async () => {
    catalog = open();
    for (const id of Object.keys(await listed(catalog))) await done(catalog.deregister(id));
  });

  it("lists what was registered, with the fingerprint of the entry", async () => {
    const other = entry({ id: `${prefix}web.2:0`, port: 0, tags: [] });
    await done(catalog.register(entry()));
    await done(catalog.register(other));
    assert.deepEqual(await listed(catalog), {
      [entry().id]: catalog.fingerprint(entry()),
      [other.id]: catalog.fingerprint(other),
    });
  });

  it("lists nothing of another prefix", async () => {
    await done(catalog.register(entry({ id: "em:c:agent-b:web.1:0" })));
    assert.deepEqual(await listed(catalog), {});
    await done(catalog.deregister("em:c:agent-b:web.1:0"));
  });

  it("gives equal entries equal fingerprints and others others", () => {
    const { meta, ...rest } = entry();
    const reordered = { meta: { agent: meta["agent"]!, task: meta["task"]! }, ...rest };
    assert.equal(catalog.fingerprint(reordered), catalog.fingerprint(entry()));
    const { check: _, ...unchecked } = entry();
    const others = [
      entry({ port: 31_002 }),
      entry({ tags: ["v2"] }),
      entry({ meta: {} }),
      entry({ check: { kind: "told", healthy: false } }),
      unchecked,
    ];
    const all = [entry(), ...others].map((each) => catalog.fingerprint(each));
    assert.equal(new Set(all).size, 6, "one entry and five that differ from it");
  });

  it("an entry registered again is there once, as it is now", async () => {
    await done(catalog.register(entry()));
    await done(catalog.register(entry({ tags: ["v2"], check: { kind: "told", healthy: false } })));
    const now = entry({ tags: ["v2"], check: { kind: "told", healthy: false } });
    assert.deepEqual(await listed(catalog), { [now.id]: catalog.fingerprint(now) });
  });

  it("what is told shows in the list", async () => {
    await done(catalog.register(entry()));
    await done(catalog.tell(entry().id, false));
    const ill = entry({ check: { kind: "told", healthy: false } });
    assert.deepEqual(await listed(catalog), { [ill.id]: catalog.fingerprint(ill) });
    await done(catalog.tell(entry().id, true));
    assert.deepEqual(await listed(catalog), { [entry().id]: catalog.fingerprint(entry()) });
  });

  it("takes entries without a check", async () => {
    const { check: _, ...unchecked } = entry({ id: `${prefix}plain:0` });
    await done(catalog.register(unchecked));
    assert.deepEqual(await listed(catalog), { [unchecked.id]: catalog.fingerprint(unchecked) });
  });

  it("removes an entry, and does not mind one that is not there", async () => {
    await done(catalog.register(entry()));
    await done(catalog.deregister(entry().id));
    await done(catalog.deregister(entry().id));
    assert.deepEqual(await listed(catalog), {});
  });

  it("takes hundreds at once", async function () {
    this.timeout(20_000);
    const many = Array.from({ length: 300 }, (_, index) => entry({ id: `${prefix}many.${index}:0` }));
    await Promise.all(many.map((each) => done(catalog.register(each))));
    assert.equal(Object.keys(await listed(catalog)).length, 300);
    await Promise.all(many.map(({ id }) => done(catalog.deregister(id))));
    assert.deepEqual(await listed(catalog), {});
  });
}

describe("catalog in memory", () => {
  catalogContract(() => new SimCatalog());

  it("says that it does not answer while it is away, and has what it had when it is back", async () => {
    const catalog = new SimCatalog();
    await done(catalog.register(entry()));
    catalog.goAway();
    const failure = { ok: false, error: "the registry does not answer" };
    assert.deepEqual(await catalog.list(prefix), failure);
    assert.deepEqual(await catalog.tell(entry().id, false), failure);
    assert.deepEqual(await catalog.deregister(entry().id), failure);
    catalog.comeBack();
    assert.deepEqual(catalog.healthy("demo-web"), [entry()]);
    catalog.forgetAll();
    assert.deepEqual(await listed(catalog), {});
  });
});

describe("catalog where there is no registry", () => catalogContract(() => new NoCatalog()));

describe("catalog in Consul", function () {
  this.timeout(30_000);
  let consul: ConsulServer;
  let catalog: ConsulCatalog;

  before(async () => {
    consul = await startConsul();
    catalog = new ConsulCatalog({ address: consul.httpAddr });
  });
  after(async () => {
    catalog?.close();
    await consul?.stop();
  });

  catalogContract(() => catalog);

  const ask = async (path: string): Promise<any> => (await fetch(`http://${consul.httpAddr}${path}`)).json();
  const passing = async (): Promise<string[]> => {
    const found = (await ask("/v1/health/service/demo-web?passing")) as { Service: { ID: string } }[];
    return found.map(({ Service }) => Service.ID);
  };

  it("DNS answers with address and port of the healthy ones only", async () => {
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${consul.dnsPort}`]);
    await done(catalog.register(entry()));
    const ill = entry({ id: `${prefix}ill:0`, port: 31_002, check: { kind: "told", healthy: false } });
    await done(catalog.register(ill));

    const found = await eventually("a record", () =>
      resolver.resolveSrv("demo-web.service.consul").catch(() => undefined),
    );
    assert.deepEqual(
      found.map(({ port }) => port),
      [31_001],
    );
    assert.deepEqual(await resolver.resolve4(found[0]!.name), ["127.0.0.1"]);
  });

  it("everything of an entry can be looked up", async () => {
    await done(catalog.register(entry()));
    const { [entry().id]: service } = await ask("/v1/agent/services");
    assert.deepEqual(
      [service.Service, service.Address, service.Port, service.Tags, service.Meta.task, service.Meta.agent],
      ["demo-web", "127.0.0.1", 31_001, ["v1", "rack-a"], "web.1", "agent-a"],
    );
    const checks = await ask("/v1/health/checks/demo-web");
    assert.deepEqual(
      checks.map(({ Status, Definition }: any) => [Status, Definition.DeregisterCriticalServiceAfter]),
      [["passing", undefined]],
    );
  });

  it("a fresh catalog object over the same Consul lists and repairs the same", async () => {
    await done(catalog.register(entry()));
    await done(catalog.tell(entry().id, false));
    const next = new ConsulCatalog({ address: `http://${consul.httpAddr}` });
    assert.notEqual((await listed(next))[entry().id], next.fingerprint(entry()));
    await done(next.register(entry()));
    assert.deepEqual(await passing(), [entry().id]);
    next.close();
  });

  it("to tell the health of one that is not there fails in words", async () => {
    const told = await catalog.tell(`${prefix}nobody:0`, true);
    assert.ok(!told.ok);
    assert.match(
      told.error,
      /Consul at http:\/\/127\.0\.0\.1:\d+: telling the health of em:c:agent-a:nobody:0 failed: .+/,
    );
  });

  it("after Consul lost everything the list is empty, and registering repairs it", async () => {
    await done(catalog.register(entry()));
    await consul.kill();
    const away = await catalog.list(prefix);
    assert.ok(!away.ok);
    assert.match(
      away.error,
      /^Consul at http:\/\/127\.0\.0\.1:\d+: listing services failed: .*(ECONNREFUSED|ECONNRESET|socket hang up)/,
    );
    assert.match(JSON.stringify(await catalog.register(entry())), /registering em:c:agent-a:web.1:0 failed/);
    await consul.restart();
    assert.deepEqual(await listed(catalog), {});
    await done(catalog.register(entry()));
    assert.deepEqual(await listed(catalog), { [entry().id]: catalog.fingerprint(entry()) });
  });
});

describe("the address of Consul", () => {
  it("is refused when it is none, without what may be secret", () => {
    const refused = (address: string) =>
      assert.throws(() => new ConsulCatalog({ address }), /expected host:port or a URL/);
    refused("");
    refused("unix:///run/consul.sock");
    refused("ftp://host:1");
    assert.throws(
      () => new ConsulCatalog({ address: "ftp://me:hidden@host" }),
      (error: Error) => !error.message.includes("hidden"),
    );
  });
});
