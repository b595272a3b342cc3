import { type Refusal, refusal } from "#protocol/errors.js";
import type { LaunchAnswer } from "#protocol/launch.js";
import type { ExecutorInfo, Offer } from "#protocol/offer.js";
import type { Resources } from "#protocol/resources.js";
import type { TaskSpec } from "#protocol/task.js";
import { misfit, type Place } from "#libs/core/fits.js";
import { contains, resourcesText, subtract, subtractPorts } from "#libs/core/resources.js";
import { type Allowance, allowanceRefusal } from "./allowance.js";
import type { AcceptAsked } from "./events.js";
import { type Offers, sameSession } from "./offers.js";
import { taskFaults } from "./task-faults.js";

/** What an accept is judged by. */
export interface Grounds {
  readonly agent: string;
  readonly host: string;
  readonly executors: readonly ExecutorInfo[];
  /** Why there is not more of them. */
  readonly warnings: readonly string[];
  readonly free: Resources;
  readonly allowance: Allowance;
  readonly offers: Pick<Offers, "epochRefusal" | "sessionRefusal" | "offerRefusal">;
  /** Whose task it is, if the id is one of ours. */
  readonly ownerOf: (task: string) => string | undefined;
  /** What was said to the id before. */
  readonly refusalOf: (framework: string, task: string) => Refusal | undefined;
  /** The agent is about to end. */
  readonly isStopping: boolean;
  /** An operator wants it empty. */
  readonly isDraining: boolean;
}

/** What is to be done about an accept. Nothing has been changed yet. */
export interface Verdict {
  /** One for each task, in the order asked; those of `admitted` count once they are recorded. */
  readonly answers: readonly LaunchAnswer[];
  readonly admitted: readonly TaskSpec[];
  /** The offer that is used up, and what is left of it. */
  readonly used?: { readonly offer: Offer; readonly left: Resources };
}

/**
 * The agent's word on an accept. Ids come first: what was answered once is answered the same again, whatever became of the
 * offer since (R3). Then the offer, as a whole; then each task for itself: a bad one does not sink the others.
 */
export function admit(asked: AcceptAsked, grounds: Grounds): Verdict {
  const answers = new Map<string, LaunchAnswer>();
  const fresh: TaskSpec[] = [];
  const seen = new Set<string>();
  for (const task of asked.tasks) {
    if (seen.has(task.id)) continue;
    seen.add(task.id);
    const before = formerAnswer(task.id, asked.framework, grounds);
    if (before === undefined) fresh.push(task);
    else answers.set(task.id, before);
  }
  const inOrder = () => asked.tasks.map(({ id }) => answers.get(id)!);
  if (fresh.length === 0) return { answers: inOrder(), admitted: [] };

  const offer = openOffer(asked, grounds);
  if (!offer.holds) {
    for (const { id } of fresh) answers.set(id, { task: id, ok: false, error: offer.error });
    return { answers: inOrder(), admitted: [] };
  }

  const admitted: TaskSpec[] = [];
  let left = offer.offer.resources;
  let { free } = grounds;
  for (const task of fresh) {
    const error = drainRefusal(grounds) ?? taskRefusal(task, left, free, grounds);
    if (error !== undefined) {
      answers.set(task.id, { task: task.id, ok: false, error });
      continue;
    }
    answers.set(task.id, { task: task.id, ok: true });
    admitted.push(task);
    left = subtract(left, task.resources);
    free = subtract(free, task.resources);
  }
  return { answers: inOrder(), admitted, used: { offer: offer.offer, left } };
}

function formerAnswer(
  task: string,
  framework: string,
  { ownerOf, refusalOf }: Grounds,
): LaunchAnswer | undefined {
  const owner = ownerOf(task);
  if (owner === framework) return { task, ok: true };
  if (owner !== undefined)
    return { task, ok: false, error: refusal("task-refused", `${task} is a task of another framework`) };
  const error = refusalOf(framework, task);
  return error && { task, ok: false, error };
}

/** The first of these that holds: seal, epoch, generation, session, number, framework. */
function openOffer(
  { framework, session, offer: sent }: AcceptAsked,
  { agent, offers, isStopping }: Grounds,
): AcceptAsked["offer"] {
  if (!sent.holds) return sent;
  const { offer } = sent;
  const stopping = isStopping ? refusal("unavailable", "the agent is stopping") : undefined;
  const elsewhere =
    offer.agent === agent ? undefined : refusal("forbidden", `the offer is agent ${offer.agent}'s`);
  const foreign =
    offer.framework === framework
      ? undefined
      : refusal("forbidden", `the offer was made to ${offer.framework}, not to ${framework}`);
  const otherSession = sameSession(offer.session, session)
    ? undefined
    : refusal("stale", "the offer was made to another session of the framework");
  const error =
    stopping ??
    elsewhere ??
    offers.epochRefusal(offer.epoch) ??
    offers.sessionRefusal(framework, session) ??
    otherSession ??
    offers.offerRefusal(offer) ??
    foreign;
  return error === undefined ? sent : { holds: false, error };
}

/** The offer is used up by it: a drain may be over when the accept comes again, and no stays no (R3). */
const drainRefusal = ({ agent, isDraining }: Grounds): Refusal | undefined =>
  isDraining ? refusal("offer-void", `agent ${agent} is being drained: it takes no new tasks`) : undefined;

function taskRefusal(
  task: TaskSpec,
  left: Resources,
  free: Resources,
  grounds: Grounds,
): Refusal | undefined {
  const faults = taskFaults(task);
  if (faults.length > 0) {
    const [first] = faults;
    const rest = faults.length > 1 ? `, and ${faults.length - 1} more faults` : "";
    const words = `${first!.path}: expected ${first!.expected}, found ${first!.found}${rest}`;
    return refusal("invalid", `task ${task.id}: ${words}`, faults);
  }
  return (
    executorRefusal(task, grounds) ??
    allowanceRefusal(task, grounds.allowance) ??
    shortage(task, left, "exceeds-offer", "the offer") ??
    shortage(task, free, "exceeds-free", "what the agent has free")
  );
}

function executorRefusal({ workload }: TaskSpec, grounds: Grounds): Refusal | undefined {
  const jdk = workload.kind === "jvm" ? workload.version : undefined;
  const place: Place = {
    id: grounds.agent,
    host: grounds.host,
    attributes: {},
    executors: grounds.executors,
    resources: { scalars: {}, ports: [] },
  };
  const found = misfit(
    { resources: place.resources, constraints: [], executor: workload.kind, ...(jdk && { jdk }) },
    place,
  );
  if (found === undefined) return undefined;
  const why = grounds.warnings.filter((warning) => warning.startsWith(`${workload.kind}:`));
  return refusal("executor-unavailable", [found.text, ...why].join("; "));
}

/** Not only how much but which: a task names its ports. */
function shortage(
  { id, resources }: TaskSpec,
  have: Resources,
  code: "exceeds-offer" | "exceeds-free",
  what: string,
): Refusal | undefined {
  if (contains(have, resources)) return undefined;
  const scalars = misfit(
    { resources, constraints: [] },
    { id, host: "", attributes: {}, executors: [], resources: have },
  );
  const ports = { scalars: {}, ports: subtractPorts(resources.ports, have.ports) };
  const words = scalars?.text ?? `${resourcesText(ports)} not among its ports`;
  return refusal(code, `task ${id} is more than ${what}: ${words}`);
}
