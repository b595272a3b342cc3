import { decodeId as decoded, encodeId as id } from "./ids.js";
import type { Session } from "./offer.js";

/**
 * Every subject of the bus, publisher's and subscriber's side in pairs: `x` is where a message goes, `xAll` what its reader
 * subscribes to. The sender's id is a token of its own, so that the NATS server's permissions say who may speak as whom.
 */
export class Subjects {
  readonly #root: string;

  /** @param cluster name of the cluster: the second token of every subject */
  constructor(cluster: string) {
    this.#root = `em.${cluster}`;
  }

  // --- leader ---
  get leader(): string {
    return `${this.#root}.leader`;
  }

  // --- agent → master ---
  register = (agent: string): string => `${this.#root}.master.agent.${id(agent)}.register`;
  get registerAll(): string {
    return `${this.#root}.master.agent.*.register`;
  }
  report = (agent: string): string => `${this.#root}.master.agent.${id(agent)}.report`;
  get reportAll(): string {
    return `${this.#root}.master.agent.*.report`;
  }

  // --- leader → agent ---
  rescind = (agent: string): string => `${this.#root}.agent.${id(agent)}.master.rescind`;
  removeFramework = (agent: string): string => `${this.#root}.agent.${id(agent)}.master.remove`;
  drain = (agent: string): string => `${this.#root}.agent.${id(agent)}.master.drain`;
  /** Answered by whoever runs under this agent id: used to find a copied work directory. */
  whoIs = (agent: string): string => `${this.#root}.agent.${id(agent)}.who`;

  // --- framework → leader ---
  master = (framework: string, verb: MasterVerb): string =>
    `${this.#root}.master.framework.${id(framework)}.${verb}`;
  masterAll = (verb: MasterVerb): string => `${this.#root}.master.framework.*.${verb}`;

  // --- leader → framework ---
  frameworkEvent = (framework: string, session: Session): string =>
    `${this.#root}.framework.${id(framework)}.${session.epoch}-${session.counter}.event`;
  /** Of all sessions of the framework: it listens before it knows which one it gets. */
  frameworkEventAll = (framework: string): string => `${this.#root}.framework.${id(framework)}.*.event`;

  // --- framework → agent ---
  launch = (agent: string, framework: string, verb: LaunchVerb): string =>
    `${this.#root}.agent.${id(agent)}.framework.${id(framework)}.${verb}`;
  launchAll = (agent: string, verb: LaunchVerb): string =>
    `${this.#root}.agent.${id(agent)}.framework.*.${verb}`;

  // --- agent → framework ---
  status = (framework: string, agent: string): string => `${this.#root}.status.${id(framework)}.${id(agent)}`;
  statusOf = (framework: string): string => `${this.#root}.status.${id(framework)}.*`;
  get statusAll(): string {
    return `${this.#root}.status.*.*`;
  }

  // --- everyone ---
  /** @param about the agent, framework, app or job that it is about; of a task the agent that runs it */
  event = (kind: string, about: string): string => `${this.#root}.event.${kind}.${id(about)}`;
  get eventAll(): string {
    return `${this.#root}.event.*.*`;
  }

  // --- gateway, CLI → services ---
  api = (service: ApiService, call: string): string => `${this.#root}.api.${service}.${call}`;
  sandbox = (agent: string, sender: string): string =>
    `${this.#root}.agent.${id(agent)}.sandbox.${id(sender)}`;
  sandboxAll = (agent: string): string => `${this.#root}.agent.${id(agent)}.sandbox.*`;
  /** A question to all agents: each that has an answer gives it. */
  get tasksQuery(): string {
    return `${this.#root}.agents.tasks`;
  }

  // --- streams and buckets ---
  get statusStream(): string {
    return `${this.#root.replaceAll(".", "_")}_STATUS`;
  }
  get eventStream(): string {
    return `${this.#root.replaceAll(".", "_")}_EVENTS`;
  }
  /** Of the consumer through which a framework reads its updates. */
  statusConsumer = (framework: string): string => `fw_${id(framework)}`;
  bucket = (name: string): string => `${this.#root.replaceAll(".", "_")}_${id(name)}`;
}

/** `bucket`: the framework's bucket is made; a framework may make none itself, for a stream can be told to read any subject. */
export const masterVerbs = [
  "bucket",
  "subscribe",
  "renew",
  "decline",
  "revive",
  "suppress",
  "agents",
] as const;
export type MasterVerb = (typeof masterVerbs)[number];
export const launchVerbs = ["accept", "kill", "reconcile"] as const;
export type LaunchVerb = (typeof launchVerbs)[number];
export type ApiService = "master" | "apps" | "jobs";

/**
 * The id at the place of the `*` in a subject that matched `pattern`: who sent it.
 * Undefined when the subject does not match or the token is no encoded id.
 */
export function wildcardOf(pattern: string, subject: string): string | undefined {
  const asked = pattern.split(".");
  const given = subject.split(".");
  if (asked.length !== given.length) return undefined;
  let found: string | undefined;
  for (const [index, token] of asked.entries()) {
    if (token === "*") found ??= given[index];
    else if (token !== given[index]) return undefined;
  }
  return found === undefined ? undefined : decoded(found);
}
