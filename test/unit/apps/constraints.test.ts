import assert from "node:assert/strict";
import { constraintFaults, constraintsOf } from "#services/apps/constraints.js";

describe("constraints of an app", () => {
  it("those that an agent can be asked alone become part of the need", () => {
    const { onAgents, counting } = constraintsOf([
      ["rack", "IS", "a"],
      ["rack", "LIKE", "a|b"],
      ["os", "unlike", "win.*"],
      ["hostname", "CLUSTER", "10.0.0.1"],
    ]);
    assert.deepEqual(onAgents, [
      { attribute: "rack", value: "a", operator: "is" },
      { attribute: "rack", value: "a|b", operator: "like" },
      { attribute: "os", value: "win.*", operator: "unlike" },
      { attribute: "@host", value: "10.0.0.1", operator: "is" },
    ]);
    assert.deepEqual(counting, []);
  });

  it("those that count ask the agent for the attribute, and hostname stands for the agent", () => {
    const { onAgents, counting } = constraintsOf([
      ["hostname", "UNIQUE"],
      ["rack", "MAX_PER", "2"],
      ["rack", "GROUP_BY"],
      ["zone", "CLUSTER"],
    ]);
    assert.deepEqual(counting, [
      { operator: "UNIQUE", attribute: "@agent" },
      { operator: "MAX_PER", attribute: "rack", most: 2 },
      { operator: "GROUP_BY", attribute: "rack" },
      { operator: "CLUSTER", attribute: "zone" },
    ]);
    assert.deepEqual(
      onAgents.map(({ attribute, operator }) => `${attribute} ${operator}`),
      ["@agent exists", "rack exists", "rack exists", "zone exists"],
    );
  });

  const faultsOf = (constraint: string[]) =>
    constraintFaults(constraint, "/constraints/3").map(({ path }) => path);

  it("name each fault with its place", () => {
    assert.deepEqual(faultsOf(["rack", "NEAR", "a"]), ["/constraints/3/1"]);
    assert.deepEqual(faultsOf(["", "UNIQUE", "x"]), ["/constraints/3/0", "/constraints/3/2"]);
    assert.deepEqual(faultsOf(["rack", "LIKE", "("]), ["/constraints/3/2"]);
    assert.deepEqual(faultsOf(["rack", "LIKE"]), ["/constraints/3/2"]);
    assert.deepEqual(faultsOf(["rack", "IS"]), ["/constraints/3/2"]);
    assert.deepEqual(faultsOf(["rack", "MAX_PER", "0"]), ["/constraints/3/2"]);
    assert.deepEqual(faultsOf(["rack", "GROUP_BY", "two"]), ["/constraints/3/2"]);
    assert.deepEqual(faultsOf(["rack", "GROUP_BY"]), []);
  });
});
