import type { Sealer } from "#libs/ports/seal.js";
import { hash32 } from "./random.js";

/** Keeps honest parts apart and is the same in every run; no secret is safe with it. */
export class SimSealer implements Sealer {
  agentKey(agent: string): string {
    return this.seal("cluster", `agent:${agent}`);
  }

  seal(key: string, text: string): string {
    let last = hash32(key);
    const words = Array.from({ length: 8 }, (_, index) => (last = hash32(`${index}:${text}:${key}`, last)));
    return words.map((word) => word.toString(16).padStart(8, "0")).join("");
  }

  matches(key: string, text: string, seal: string): boolean {
    return this.seal(key, text) === seal;
  }
}
