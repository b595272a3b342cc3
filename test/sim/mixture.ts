import { SeededRandom } from "#libs/sim/random.js";
import type { LinkOptions } from "#libs/sim/link.js";
import type { SimClusterOptions } from "./cluster.js";
import { type TroubleName, troubleNames } from "./troubles.js";
import { type WorkName, workNames } from "./work.js";

/** How connections and hosts are bad all the time, each of its own. */
export const weatherNames = ["distance", "lanes", "loss", "doubles", "answers", "turns"] as const;
export type WeatherName = (typeof weatherNames)[number];

export type Kind = TroubleName | WorkName | WeatherName;
export const kinds: readonly Kind[] = [...weatherNames, ...troubleNames, ...workNames];

/**
 * What a seed is made of. Each seed has some kinds of trouble, weather and work, and not the others: what is always mixed with all else
 * is seldom left alone for long enough to come to its end (swarm testing: Groce and others, ISSTA 2012).
 */
export interface Mixture {
  readonly agents: number;
  readonly copies: Required<NonNullable<SimClusterOptions["copies"]>>;
  readonly link: Partial<LinkOptions>;
  /** How long a turn of a process lasts, ms: several events fall into one. */
  readonly turnMs: readonly [number, number] | undefined;
  readonly weather: readonly WeatherName[];
  readonly troubles: readonly TroubleName[];
  readonly works: readonly WorkName[];
  /** The time of troubles. */
  readonly forMs: number;
  /** From one trouble, and from one change, to the next, on the average. */
  readonly troubleEveryMs: number;
  readonly workEveryMs: number;
  /** The longest that a trouble lasts. */
  readonly troubleMostMs: number;
  /** The longest that a task takes to start, and to end when it is asked to. */
  readonly launchMostMs: number;
  readonly stopMostMs: number;
  /** Share of the launches that fail. */
  readonly launchFailures: number;
  /** How long an ended task's sandbox is kept. */
  readonly keptMs: number;
  /** When the troubles are over, one host and the spare copies stay away for a while: the others have to do without. */
  readonly away: "nobody" | "dead" | "cut-off" | "without-power";
}

/** The mixture of a seed. What is left out changes nothing else. */
export function mixtureOf(seed: string | number, without: ReadonlySet<string> = new Set()): Mixture {
  const chance = new SeededRandom(`mixture/${seed}`);
  const has = (kind: string) => !without.has(kind);
  const some = <T extends string>(names: readonly T[], share: number): T[] => {
    const drawn = names.filter((name) => chance.fork(name).happens(share));
    return drawn.length === 0 ? [oneOf(chance.fork("one"), names)] : drawn;
  };
  const copies = chance.fork("copies");
  const weather = weatherNames.filter((name) => chance.fork(name).happens(0.4)).filter(has);
  const size = chance.fork("size");
  const pace = chance.fork("pace");
  const tasks = chance.fork("tasks");
  const drawn = {
    agents: 2 + Math.floor(size.fraction() * 3),
    copies: {
      // Whoever stands by looks at the lease seven times a second: most of what happens in a seed.
      master: copies.happens(0.4) ? 2 : 1,
      apps: copies.happens(0.3) ? 2 : 1,
      jobs: copies.happens(0.2) ? 2 : 1,
    },
    link: linkOf(weather, chance.fork("link")),
    turnMs: weather.includes("turns")
      ? ([0, oneOf(chance.fork("turnMs"), [0.5, 5, 40])] as const)
      : undefined,
    weather,
    troubles: some(troubleNames, pace.between(0.15, 0.6)).filter(has),
    works: some(workNames, pace.between(0.3, 0.9)).filter(has),
    forMs: Math.round(pace.between(8_000, 40_000)),
    troubleEveryMs: Math.round(pace.between(1500, 8000)),
    workEveryMs: Math.round(pace.between(1000, 8000)),
    troubleMostMs: Math.round(oneOf(pace, [1000, 6000, 20_000, 35_000])),
    launchMostMs: oneOf(tasks, [5, 300, 3000]),
    stopMostMs: oneOf(tasks, [5, 1000, 6000]),
    launchFailures: oneOf(tasks, [0, 0, 0.1]),
    keptMs: oneOf(tasks, [5000, 3_600_000]),
  };
  const isSpare = chance.fork("away").happens(0.3) && drawn.agents > 2;
  const away = isSpare ? oneOf(chance.fork("how"), ["dead", "cut-off", "without-power"] as const) : "nobody";
  return { ...drawn, away: has("away") ? away : "nobody" };
}

function linkOf(weather: readonly WeatherName[], chance: SeededRandom): Partial<LinkOptions> {
  const rate = () => oneOf(chance, [0.005, 0.02, 0.05]);
  const drawn: Record<WeatherName, Partial<LinkOptions>> = {
    distance: { latencyMs: [0.1, oneOf(chance, [5, 50, 300])] },
    lanes: { lanes: true },
    loss: { lossRate: rate() },
    doubles: { doubleRate: rate() },
    answers: { answerLossRate: rate() },
    turns: {},
  };
  return Object.assign({}, ...weather.map((name) => drawn[name]));
}

/** For people: one line. */
export function mixtureText(mixture: Mixture): string {
  const { agents, copies, weather, troubles, works, forMs, away, link, turnMs } = mixture;
  const rates = weather.map((name) => {
    if (name === "distance") return `distance to ${link.latencyMs![1]} ms`;
    if (name === "lanes") return "lanes";
    if (name === "turns") return `turns to ${turnMs![1]} ms`;
    const rate = { loss: link.lossRate, doubles: link.doubleRate, answers: link.answerLossRate }[name]!;
    return `${name} ${rate * 100} %`;
  });
  const list = (names: readonly string[]) => (names.length === 0 ? "none" : names.join(", "));
  return (
    `${agents} agents, ${copies.master} × master, ${copies.apps} × apps, ${copies.jobs} × jobs; ${forMs / 1000} s; ` +
    `weather: ${list(rates)}; troubles: ${list(troubles)}; work: ${list(works)}; away: ${away}`
  );
}

export function oneOf<T>(chance: SeededRandom, all: readonly T[]): T {
  return all[Math.floor(chance.fraction() * all.length)]!;
}
