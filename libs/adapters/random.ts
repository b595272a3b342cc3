import { randomInt } from "node:crypto";
import type { Random } from "#libs/ports/random.js";

const letters = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Chance: tokens come from the system's secure source, fractions from the engine's fast one. */
export class SystemRandom implements Random {
  fraction(): number {
    return Math.random();
  }

  token(length: number): string {
    let token = "";
    for (let count = 0; count < length; count++) token += letters[randomInt(letters.length)];
    return token;
  }
}
