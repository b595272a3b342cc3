import assert from "node:assert/strict";
import { portsFailure } from "#services/agent/taken-ports.js";

describe("agent: ports of a task on which others listen", () => {
  it("are named, one or many; none is no failure", () => {
    const message = (...taken: number[]) => portsFailure(taken)?.message;
    assert.equal(message(8080), "port 8080 is in use by another program of the host");
    assert.equal(message(80, 443), "ports 80, 443 are in use by another program of the host");
    assert.equal(portsFailure([8080])?.reason, "port-in-use");
    assert.equal(portsFailure([]), undefined);
  });
});
