import assert from "node:assert/strict";
import { InvariantBroken } from "#libs/core/assert.js";
import { HmacSealer } from "#libs/adapters/sealer.js";

describe("sealer", () => {
  const sealer = new HmacSealer("cluster key");

  it("is HMAC-SHA256 in lower-case hex (RFC 4231, test case 2)", () => {
    assert.equal(
      sealer.seal("Jefe", "what do ya want for nothing?"),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });

  it("derives a key for each agent from the cluster's key", () => {
    assert.equal(sealer.agentKey("a"), sealer.seal("cluster key", "agent:a"));
    assert.notEqual(sealer.agentKey("a"), sealer.agentKey("b"));
    assert.throws(() => new HmacSealer().agentKey("a"), InvariantBroken);
  });

  it("matches its own seal only", () => {
    const key = sealer.agentKey("a");
    const seal = sealer.seal(key, "body ä");
    assert.ok(new HmacSealer().matches(key, "body ä", seal));
    assert.ok(!sealer.matches(key, "body a", seal));
    assert.ok(!sealer.matches(sealer.agentKey("b"), "body ä", seal));
    assert.ok(!sealer.matches(key, "body ä", seal.slice(1)));
    assert.ok(!sealer.matches(key, "body ä", ""));
  });
});
