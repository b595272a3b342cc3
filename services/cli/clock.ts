import { SystemClock } from "#libs/adapters/clock.js";

export const systemClock = new SystemClock();
