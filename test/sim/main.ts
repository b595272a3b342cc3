import spinner from "yocto-spinner";
import { kinds } from "./mixture.js";
import { run, type RunOptions } from "./run.js";
import { runSeeds } from "./seeds.js";
import { commandOf, shrink } from "./shrink.js";
import type { Told } from "./told.js";
import { type Wanted, wantedIn } from "./wanted.js";

const usage = `npm run sim -- [--seeds N] [--from N] [--minutes N] [--jobs N] [--twice]
npm run sim -- --seed N [--without kind,…] [--only step,…] [--quiet]

  --seeds    how many seeds; 100 unless given
  --from     the first one; 1 unless given
  --minutes  no seed is begun after so long
  --jobs     threads; 1 unless given
  --twice    each seed runs twice: both runs have to end alike
  --seed     one seed, with its story; --without and --only leave parts of it out, --quiet leaves out the story
  kinds      ${kinds.join(", ")}, away
`;

/** After so many failures it is known well enough that something is wrong. */
const failuresMost = 5;
const shrinkMostMs = 60_000;
/** A seed takes less than a second. */
const seedMostMs = 120_000;
const now = () => performance.now();

/** Exit code 1: a rule was broken, or a seed did not come to its end; 2: wrong usage. */
async function main(args: readonly string[]): Promise<number> {
  const wanted = wantedIn(args);
  if (wanted.type === "replay") return replay(wanted.run);
  if (wanted.type === "many") return many(wanted);
  process.stdout.write(usage);
  return 0;
}

async function replay(options: RunOptions): Promise<number> {
  const { mixture, failure, ending, virtualMs, events, trace } = await run(options);
  if (options.detailed === true)
    process.stdout.write(`${trace().filter(isTelling).map(asStory).join("\n")}\n\n`);
  process.stdout.write(
    `seed ${options.seed}: ${mixture}\n${seconds(virtualMs)} of virtual time, ${events} events, ending ${ending}\n`,
  );
  process.stdout.write(failure === undefined ? "all rules were kept\n" : `\nFAILED: ${failure}\n`);
  return failure === undefined ? 0 : 1;
}

/** Timers, and the looks of those who stand by for a lease, say nothing. */
const isTelling = (line: string): boolean => !/ timer$| gets leases | puts leases /.test(line);

/** `12345.5 agent-a ← …` with the time in seconds, and all columns in line. */
function asStory(line: string): string {
  const [time = "", who = "", ...rest] = line.split(" ");
  return `${(Number(time) / 1000).toFixed(4).padStart(10)}  ${who.padEnd(9)} ${rest.join(" ")}`;
}

type Many = Extract<Wanted, { readonly type: "many" }>;

async function many({ count, from, jobs, mostMs, twice }: Many): Promise<number> {
  const began = now();
  const progress = process.stderr.isTTY ? spinner({ text: `${count} seeds` }).start() : undefined;
  const failed: Told[] = [];
  let [done, virtualMs, events] = [0, 0, 0];
  let saidAt = began;
  const text = () => {
    const rate = (done / (now() - began)) * 1000;
    return `${done} of ${count} seeds, ${rate.toFixed(1)} seeds/s, ${failed.length} failed`;
  };
  const told = (each: Told) => {
    done++;
    virtualMs += each.virtualMs;
    events += each.events;
    if (each.failure !== undefined) {
      failed.push(each);
      process.stdout.write(
        `\nseed ${each.seed} FAILED: ${each.failure}\n  ${commandOf({ seed: each.seed })}\n`,
      );
    }
    if (progress !== undefined) progress.text = text();
    if (progress !== undefined || now() - saidAt < 10_000) return;
    saidAt = now();
    process.stderr.write(`${text()}\n`);
  };
  let isStopped = false;
  process.once("SIGINT", () => (isStopped = true));
  const isEnough = () => isStopped || failed.length >= failuresMost;
  await runSeeds({ from, count, jobs, mostMs, seedMostMs, twice, now, told, isEnough });
  progress?.stop();

  for (const each of failed) if (each.isLost !== true) await tell(each);
  const tookMs = now() - began;
  process.stdout.write(
    `${done} of ${count} seeds from ${from} on in ${seconds(tookMs)} (${((done / tookMs) * 1000).toFixed(1)} seeds/s, ${jobs} threads): ` +
      `${failed.length} failed; ${(virtualMs / 3_600_000).toFixed(1)} h of virtual time, ${(events / 1e6).toFixed(1)} million events\n`,
  );
  return failed.length > 0 ? 1 : 0;
}

/** Leaves out what it does not need to fail. */
async function tell({ seed }: Told): Promise<void> {
  const outcome = await run({ seed });
  if (outcome.failure === undefined) return;
  process.stdout.write(`\nseed ${seed}: ${outcome.mixture}\n  making it smaller …\n`);
  const smaller = await shrink(outcome, shrinkMostMs, now);
  process.stdout.write(`  again: ${commandOf({ seed })}\n  least: ${commandOf(smaller)}\n`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n\n${usage}`);
  process.exitCode = 2;
}
