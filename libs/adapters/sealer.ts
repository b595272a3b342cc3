import { createHmac, timingSafeEqual } from "node:crypto";
import { assert } from "#libs/core/assert.js";
import type { Sealer } from "#libs/ports/seal.js";

/** @param clusterKey secret of the cluster: whoever has it can make offers for every agent. An agent has its own key only. */
export class HmacSealer implements Sealer {
  readonly #clusterKey: string | undefined;

  constructor(clusterKey?: string) {
    this.#clusterKey = clusterKey;
  }

  agentKey(agent: string): string {
    assert(this.#clusterKey !== undefined, "only who has the cluster's key derives the keys of agents");
    return this.seal(this.#clusterKey, `agent:${agent}`);
  }

  seal(key: string, text: string): string {
    return createHmac("sha256", key).update(text, "utf8").digest("hex");
  }

  matches(key: string, text: string, seal: string): boolean {
    const right = Buffer.from(this.seal(key, text));
    const given = Buffer.from(seal);
    return right.length === given.length && timingSafeEqual(right, given);
  }
}
