import { parseArgs } from "node:util";
import { kinds } from "./mixture.js";
import type { RunOptions } from "./run.js";

/** What the command line asks for. */
export type Wanted =
  | { readonly type: "help" }
  | { readonly type: "replay"; readonly run: RunOptions }
  | {
      readonly type: "many";
      readonly count: number;
      readonly from: number;
      readonly jobs: number;
      readonly mostMs: number;
      readonly twice: boolean;
    };

/** Throws, in words for people, for what it does not understand: the flag, what is expected, and what was found. */
export function wantedIn(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "100" },
      from: { type: "string", default: "1" },
      minutes: { type: "string" },
      jobs: { type: "string", default: "1" },
      twice: { type: "boolean", default: false },
      seed: { type: "string" },
      without: { type: "string", default: "" },
      only: { type: "string" },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return { type: "help" };
  const { seed, without, only, quiet, minutes } = values;
  if (seed !== undefined) {
    if (seed === "") throw new Error("--seed: expected a seed, found nothing");
    const run = { seed, without: kindsIn(without), detailed: !quiet };
    return { type: "replay", run: only === undefined ? run : { ...run, only: setOf(only) } };
  }
  return {
    type: "many",
    count: wholeNumber("seeds", values.seeds),
    from: wholeNumber("from", values.from),
    jobs: wholeNumber("jobs", values.jobs),
    mostMs: minutes === undefined ? Number.POSITIVE_INFINITY : minutesIn(minutes) * 60_000,
    twice: values.twice,
  };
}

function kindsIn(text: string): Set<string> {
  const known: readonly string[] = [...kinds, "away"];
  const found = setOf(text);
  const unknown = [...found].filter((kind) => !known.includes(kind));
  if (unknown.length === 0) return found;
  throw new Error(`--without: expected kinds among ${known.join(", ")}; found ${unknown.join(", ")}`);
}

const setOf = (text: string): Set<string> => new Set(text.split(",").filter(Boolean));

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1 && text.trim() !== "") return number;
  throw new Error(`--${flag}: expected a whole number from 1, found ${text || "nothing"}`);
}

function minutesIn(text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new Error(`--minutes: expected a number above 0, found ${text || "nothing"}`);
}
