import { createHmac, timingSafeEqual } from "node:crypto";
import type { Sealer } from "#libs/ports/seal.js";

/** @param clusterKey secret of the cluster: whoever has it can make offers for every agent */
export class HmacSealer implements Sealer {
  readonly #clusterKey: string;

  constructor(clusterKey: string) {
    this.#clusterKey = clusterKey;
  }

  agentKey(agent: string): string {
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
