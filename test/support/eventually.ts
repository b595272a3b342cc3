import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until `condition` gives something that is neither false nor undefined, and returns it. Throws after `limitMs` (5 s unless
 * given) with what was waited for. The one place where tests poll.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 5000,
): Promise<T> {
  const giveUpAt = performance.now() + limitMs;
  for (let waitMs = 1; ; waitMs = Math.min(50, waitMs * 2)) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(waitMs);
  }
}
