import assert from "node:assert/strict";
import type { Need } from "#protocol/framework.js";
import { type AmountOptions, amounts, none, portCount, sum } from "#libs/core/resources.js";
import {
  allocate,
  type Claim,
  type Grant,
  type Market,
  type RoleClaim,
  type Supply,
} from "#services/master/allocator.js";
import { wantsOf } from "#services/master/frameworks.js";
import { briefResources, need } from "./stage.js";

const agent = (id: string, free: AmountOptions, more: Partial<Supply> = {}): Supply => ({
  id,
  host: id,
  attributes: {},
  executors: [],
  resources: amounts(free),
  lastPort: -1,
  openAt: -1,
  ...more,
});

interface ClaimOptions extends Partial<Omit<Claim, "wants">> {
  readonly needs?: readonly Need[];
}

const claim = (framework: string, { needs = [], ...more }: ClaimOptions = {}): Claim => ({
  framework,
  charged: none,
  allocations: 0,
  wants: wantsOf(needs),
  outstanding: new Map(),
  looksEverywhere: true,
  hasFilters: false,
  ...more,
});

const role = (name: string, claims: Claim[], more: Partial<RoleClaim> = {}): RoleClaim => ({
  name,
  weight: 1,
  charged: none,
  allocations: 0,
  headroom: undefined,
  claims,
  ...more,
});

const market = (supplies: Supply[], roles: RoleClaim[], more: Partial<Market> = {}): Market => {
  const agents = supplies.map((supply, openAt) => ({ ...supply, openAt }));
  return {
    total: sum(agents.map(({ resources }) => resources)),
    open: agents,
    fresh: agents,
    turn: 0,
    roles,
    someLookEverywhere: roles.some(({ claims }) => claims.some(({ looksEverywhere }) => looksEverywhere)),
    blocks: () => false,
    ...more,
  };
};

const granted = (grants: readonly Grant[]): string[] =>
  grants.map(({ agent, framework, resources }) => `${framework} ${agent.id} ${briefResources(resources)}`);

const totalOf = (grants: readonly Grant[], framework: string, name = "cpus"): number =>
  grants
    .filter((grant) => grant.framework === framework)
    .reduce((total, { resources }) => total + (resources.scalars[name] ?? 0) / 1000, 0);

describe("the allocator", () => {
  it("shares one host as in the paper's example", () => {
    // Ghodsi et al., NSDI 2011, 4.1: 9 CPUs and 18 GB; a task of A takes 1 CPU and 4 GB (dominant: memory, 2/9), one of
    // B 3 CPUs and 1 GB (dominant: CPU, 1/3). A B A B A: 2/9 | 1/3, 4/9 | 2/3, 6/9. A: 3 CPUs, 12 GB; B: 6 CPUs, 2 GB.
    const a = claim("a", { needs: [need({ cpus: 1, mem: 4 * 1024 })] });
    const b = claim("b", { needs: [need({ cpus: 3, mem: 1024 })] });
    const grants = allocate(market([agent("h", { cpus: 9, mem: 18 * 1024 })], [role("r", [a, b])]));
    assert.deepEqual(granted(grants), ["a h cpus 3 mem 12288", "b h cpus 6 mem 2048"]);
  });

  it("divides by the weights of the roles first, then among a role's frameworks", () => {
    // 30 cpus, weights 1 and 2: 10 and 20; the 20 among two frameworks: 10 each.
    const wanting = { needs: [need({ cpus: 0.5 })] };
    const grants = allocate(
      market(
        ["x", "y", "z"].map((id) => agent(id, { cpus: 10, mem: 64 })),
        [
          role("one", [claim("a", wanting)]),
          role("two", [claim("b", wanting), claim("c", wanting)], { weight: 2 }),
        ],
      ),
    );
    assert.deepEqual(
      ["a", "b", "c"].map((id) => totalOf(grants, id)),
      [10, 10, 10],
    );
  });

  it("serves first who has less already, used or offered", () => {
    // 12 cpus free of 20; a has 6 of them in use, b 2: a gets 4 more, b 8 more, 10 each.
    const needs = [need({ cpus: 1 })];
    const a = claim("a", { needs, charged: amounts({ cpus: 6 }) });
    const b = claim("b", { needs, charged: amounts({ cpus: 2 }) });
    const total = amounts({ cpus: 20 });
    const grants = allocate(market([agent("h", { cpus: 12 })], [role("r", [a, b])], { total }));
    assert.deepEqual([totalOf(grants, "a"), totalOf(grants, "b")], [4, 8]);
  });

  it("breaks ties by fewer allocations, then by name", () => {
    const first = (a: number, b: number) =>
      allocate(
        market(
          [agent("h", { cpus: 1 })],
          [role("r", [claim("b", { allocations: b }), claim("a", { allocations: a })])],
        ),
      )[0]!.framework;
    assert.deepEqual([first(0, 0), first(5, 4), first(4, 5)], ["a", "b", "a"]);
  });

  it("gives a framework without needs all that is left of an agent, agent by agent to the poorest", () => {
    const agents = ["x", "y", "z"].map((id) => agent(id, { cpus: 4, mem: 1000, ports: [[31000, 31009]] }));
    const grants = allocate(
      market(agents, [role("one", [claim("a")]), role("two", [claim("b")], { weight: 2 })]),
    );
    assert.deepEqual(granted(grants), [
      "a x cpus 4 mem 1000 ports 31000-31009",
      "b y cpus 4 mem 1000 ports 31000-31009",
      "b z cpus 4 mem 1000 ports 31000-31009",
    ]);
  });

  it("offers a counted need as often as it is wanted, evenly, and on two more agents to choose from", () => {
    const agents = ["u", "v", "w", "x", "y", "z"].map((id) => agent(id, { cpus: 8, mem: 1000 }));
    const grants = allocate(market(agents, [role("r", [claim("a", { needs: [need({ cpus: 1 }, 3)] })])]));
    assert.deepEqual(
      granted(grants),
      ["u", "v", "w", "x", "y"].map((id) => `a ${id} cpus 1`),
    );
    const many = allocate(market(agents, [role("r", [claim("a", { needs: [need({ cpus: 1 }, 20)] })])]));
    // 20 over 6 agents: 3 each and 2 left over; all agents are seen already, none is left for choice
    assert.deepEqual(
      many.map(({ resources }) => resources.scalars["cpus"]! / 1000),
      [4, 4, 3, 3, 3, 3],
    );
  });

  it("counts what open offers hold", () => {
    const needs = [need({ cpus: 1 }, 3)];
    const outstanding = new Map([[wantsOf(needs)[0]!.key, 2]]);
    const agents = ["v", "w"].map((id) => agent(id, { cpus: 8 }));
    const grants = allocate(market(agents, [role("r", [claim("a", { needs, outstanding })])]));
    assert.deepEqual(granted(grants), ["a v cpus 1", "a w cpus 1"], "the third, and one for choice");
  });

  it("lets several frameworks share an agent, each with pieces of its own size", () => {
    const grants = allocate(
      market(
        [agent("h", { cpus: 4, mem: 4096, ports: [[1, 9]] })],
        [
          role("r", [
            claim("big", { needs: [need({ cpus: 2, mem: 1024 }, 1)] }),
            claim("small", { needs: [need({ cpus: 0.5, mem: 64 }, 2, { portCount: 1 })] }),
          ]),
        ],
      ),
    );
    assert.deepEqual(granted(grants), ["big h cpus 2 mem 1024", "small h cpus 1 mem 128 ports 1-2"]);
  });

  it("serves each kind of need of a framework in turns, in one offer an agent", () => {
    const needs = [need({ cpus: 1 }), need({ mem: 100 }, 2)];
    const grants = allocate(
      market([agent("h", { cpus: 3, mem: 1000 })], [role("r", [claim("a", { needs })])]),
    );
    assert.deepEqual(granted(grants), ["a h cpus 3 mem 200"]);
    assert.deepEqual(
      grants[0]!.units.map(({ count }) => count),
      [3, 2],
    );
  });

  it("shows nobody what he would have to decline", () => {
    const agents = [
      agent("a", { cpus: 8, mem: 64 }, { attributes: { rack: "1" } }),
      agent("b", { cpus: 8, mem: 4096 }, { attributes: { rack: "2" } }),
      agent("c", { cpus: 8, mem: 4096 }, { attributes: { rack: "1" } }),
    ];
    const picky = need({ mem: 512 }, 5, {
      constraints: [{ attribute: "rack", operator: "is", value: "1" }],
    });
    const grants = allocate(market(agents, [role("r", [claim("f", { needs: [picky] })])]));
    assert.deepEqual(granted(grants), ["f c mem 2560"]);
  });

  it("keeps a role under its limit", () => {
    const headroom = { cpus: 2500 };
    const sized = role("r", [claim("f", { needs: [need({ cpus: 1 })] })], { headroom });
    assert.deepEqual(granted(allocate(market([agent("h", { cpus: 8 })], [sized]))), ["f h cpus 2"]);
    const whole = role("r", [claim("f")], { headroom });
    assert.deepEqual(granted(allocate(market([agent("h", { cpus: 8, mem: 100 })], [whole]))), [
      "f h cpus 2.5 mem 100",
    ]);
  });

  it("passes over an agent whose offer would be blocked by a filter", () => {
    const agents = [agent("a", { cpus: 8 }), agent("b", { cpus: 8 })];
    const roles = [role("r", [claim("f", { needs: [need({ cpus: 1 }, 1)], hasFilters: true })])];
    const grants = allocate(market(agents, roles, { blocks: (_, agent) => agent === "a" }));
    assert.deepEqual(granted(grants), ["f b cpus 1"]);
  });

  it("asks few what they have refused, also when all came free in the order in which they were given back", () => {
    const [agents, frameworks] = [1000, 20];
    const name = (n: number) => `f${String(n).padStart(2, "0")}`;
    // The first fifty agents are refused by f00, the next by f01, …, which is also the order in which these are served.
    const refusing = new Map<string, string>();
    const supplies = Array.from({ length: agents }, (_, n) => {
      refusing.set(`a${n}`, name(Math.floor(n / (agents / frameworks))));
      return agent(`a${n}`, { cpus: 1 });
    });
    const claims = Array.from({ length: frameworks }, (_, n) => claim(name(n), { hasFilters: true }));
    let asked = 0;
    const blocks = (framework: string, agent: string) => {
      asked++;
      return refusing.get(agent) === framework;
    };
    const grants = allocate(market(supplies, [role("r", claims)], { blocks }));
    assert.equal(grants.length, agents);
    assert.ok(asked < 3 * agents, `${asked} times`);
  });

  it("looks at the frameworks of one role only when that takes all there is", () => {
    const poor = role("poor", [claim("f", { looksEverywhere: false })]);
    const rich: RoleClaim = {
      ...role("rich", [], { charged: amounts({ cpus: 1 }) }),
      get claims(): Claim[] {
        throw new Error("nothing is left for these");
      },
    };
    const some = market([agent("h", { cpus: 1 })], [], { roles: [rich, poor], someLookEverywhere: false });
    assert.deepEqual(granted(allocate(some)), ["f h cpus 1"]);
  });

  it("lets only those look at all agents who have changed themselves", () => {
    const [a, b] = [agent("a", { cpus: 1 }), agent("b", { cpus: 1 })];
    const needs = [need({ cpus: 1 }, 1)];
    const roles = [role("r", [claim("idle", { needs, looksEverywhere: false })])];
    assert.deepEqual(granted(allocate(market([a, b], roles, { fresh: [{ ...b, openAt: 1 }] }))), [
      "idle b cpus 1",
    ]);
  });

  it("ends with needs of no size: they get the whole of an agent", () => {
    const grants = allocate(
      market([agent("h", { cpus: 1, mem: 50 })], [role("r", [claim("f", { needs: [need({})] })])]),
    );
    assert.deepEqual(granted(grants), ["f h cpus 1 mem 50"]);
  });

  it("offers nothing that is of no use: less than 0.01 cpus and 32 MiB", () => {
    const grants = allocate(
      market([agent("h", { cpus: 0.009, mem: 31, disk: 9999 })], [role("r", [claim("f")])]),
    );
    assert.deepEqual(grants, []);
  });

  it("lets a port rest: those that come after the last offered one are next", () => {
    const supply = agent("h", { cpus: 4, ports: [[10, 19]] }, { lastPort: 17 });
    const needs = [need({ cpus: 1 }, 3, { portCount: 1 })];
    const grants = allocate(market([supply], [role("r", [claim("f", { needs })])]));
    assert.deepEqual(grants[0]!.resources.ports, [
      [10, 10],
      [18, 19],
    ]);
  });

  it("never gives away more than there is, whatever is wanted", () => {
    const agents = [1, 2, 3, 4, 5].map((n) => agent(`h${n}`, { cpus: n, mem: n * 100, ports: [[1, n]] }));
    const claims = ["a", "b", "c", "d"].map((id, n) =>
      claim(id, {
        needs: n === 3 ? [] : [need({ cpus: 0.3 * (n + 1), mem: 20 }, undefined, { portCount: n })],
      }),
    );
    const grants = allocate(market(agents, [role("r", claims.slice(0, 2)), role("s", claims.slice(2))]));
    for (const { id, resources } of agents) {
      const given = grants.filter((grant) => grant.agent.id === id).map((grant) => grant.resources);
      const ports = given.flatMap((each) => each.ports);
      assert.equal(portCount(ports), portCount(sum(given).ports), "no port twice");
      for (const name of ["cpus", "mem"])
        assert((sum(given).scalars[name] ?? 0) <= resources.scalars[name]!, `${name} of ${id}`);
    }
  });
});
