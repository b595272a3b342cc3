import type { AgentView, FrameworkView } from "#protocol/api.js";
import { ageText } from "./output.js";

/** How an agent stands: `registered`, `draining`, `drained`, `unreachable, draining`. */
export const standingText = (state: AgentView["state"], drain: AgentView["drain"]): string =>
  drain === undefined ? state : state === "registered" ? drain.state : `${state}, ${drain.state}`;

/** And a framework: `connected`, `disconnected for 3m`, `not since this leader began, 12s ago`. */
export function presenceText({ state, awayMs = 0 }: Pick<FrameworkView, "state" | "awayMs">): string {
  if (state === "connected") return state;
  const away = ageText(awayMs);
  return state === "awaited" ? `not since this leader began, ${away} ago` : `${state} for ${away}`;
}
