import assert from "node:assert/strict";
import { type AgentView, type ApiCall, ApiReply, masterApi, type OfferView } from "#protocol/api.js";
import { codec } from "#protocol/codec.js";
import { need, Stage } from "./stage.js";

const mostBytes = 256 * 1024;
const agents = 10_000;

/** Every answer as it goes over the bus: checked against its schema, and weighed. */
function pages<T>(stage: Stage, name: "agents" | "offers" | "frameworks", idOf: (item: T) => string): T[][] {
  const call: ApiCall = masterApi[name];
  const replies = codec(ApiReply(call.answer));
  const got: T[][] = [];
  for (let after: string | undefined; ;) {
    const reply = stage.call(name, after === undefined ? {} : { after });
    const bytes = replies.encode(reply);
    assert.ok(bytes.length < mostBytes, `a page of ${name} has ${bytes.length} bytes`);
    assert.ok(replies.decode(bytes).ok);
    got.push(reply.value.items);
    if (!reply.value.more) return got;
    after = idOf(reply.value.items.at(-1));
  }
}

const name = (index: number): string => `agent-${String(index).padStart(5, "0")}.zone-1.example.net`;

describe("lists of a master of 10,000 agents", () => {
  let stage: Stage;
  before(() => {
    stage = new Stage();
    for (let index = agents - 1; index >= 0; index--)
      stage.register(name(index), { cpus: 4, mem: 8192, ports: [[31000, 32000]] }, { attributes });
    stage.subscribe("f", { needs: [need({ cpus: 1 }, agents)] });
    stage.wait(1000);
  });
  const attributes = { rack: "a", zone: "zone-1", kernel: "6.1.0-18-amd64", disk: "nvme" };

  it("come page by page, each small enough for the bus, in order and whole", () => {
    const got = pages<AgentView>(stage, "agents", ({ info }) => info.id);
    assert.ok(got.length > 10 && got.length < 100, `${got.length} pages`);
    assert.deepEqual(
      got.flat().map(({ info }) => info.id),
      Array.from({ length: agents }, (_, index) => name(index)),
    );
  });

  it("so do their offers, of which one agent may have several", () => {
    const open = pages<OfferView>(stage, "offers", ({ id }) => id).flat();
    assert.ok(open.length >= agents / 2, `${open.length} offers`);
    assert.equal(new Set(open.map(({ id }) => id)).size, open.length);
    const few = stage.call("offers", { most: 3 }).value;
    const next = stage.call("offers", { most: 2, after: few.items[1].id }).value;
    assert.deepEqual([few.items.length, few.more], [3, true]);
    assert.equal(next.items[0].id, few.items[2].id);
  });

  it("go on behind the last one also when it has gone meanwhile, and end", () => {
    const { items, more } = stage.call("agents", { after: `${name(agents - 3)}-x`, most: 10 }).value;
    assert.deepEqual(
      items.map(({ info }: AgentView) => info.id),
      [name(agents - 2), name(agents - 1)],
    );
    assert.equal(more, false);
    assert.deepEqual(stage.call("agents", { after: "zz" }).value, { items: [], more: false });
  });

  it("and an explanation is no larger than a page", () => {
    const counting = [
      {
        rule: { operator: "UNIQUE" as const, attribute: "@agent" },
        instances: agents,
        placed: Array.from({ length: agents }, (_, index): [string, number] => [name(index), 1]),
        others: [],
      },
    ];
    const asked = { framework: "f", need: need({ cpus: 1 }), waiting: [], wanted: 1, running: 0, counting };
    const reply = stage.call("explain", { about: "/demo/web", ...asked, most: agents });
    assert.equal(reply.value.leftOut + reply.value.perAgent.length, agents);
    assert.ok(codec(ApiReply(masterApi.explain.answer)).encode(reply).length < mostBytes);
  });

  it("and one of them can be asked for alone", () => {
    assert.equal(stage.call("agent", { agent: name(7) }).value.info.id, name(7));
    assert.equal(stage.call("agent", { agent: "nobody" }).error.code, "not-found");
  });
});
