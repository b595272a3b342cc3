import { launchVerbs, masterVerbs, Subjects } from "./subjects.js";

/** Who speaks on the bus. `apps` and `jobs` are frameworks that also serve an API. */
export const principalKinds = ["master", "agent", "framework", "apps", "jobs", "gateway"] as const;
export type PrincipalKind = (typeof principalKinds)[number];

/** Subjects, with `*` for one token: what is not listed is refused by the server. */
export interface Grants {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * Before all inboxes of a principal, to which alone answers to it go. Frameworks of all kinds share one form.
 * @param name its encoded id, or `*`
 */
export const inboxPrefix = (kind: PrincipalKind, name: string): string =>
  `_INBOX.${kind === "apps" || kind === "jobs" ? "framework" : kind}.${name}`;

/**
 * What a principal may say and hear on core subjects: the table of the README, as the server keeps it. Verbs are listed,
 * never wildcarded, and where a sender's id stands in a subject, it is the principal's own.
 * @param own token that stands for the principal's encoded id, such as the server's template `{{name()}}`
 */
export function grantsOf(kind: PrincipalKind, cluster: string, own: string): Grants {
  const { publish, subscribe } = spoken[kind](new Subjects(cluster));
  const token = (each: string): string => (each === any ? "*" : each === self ? own : each);
  const granted = (subject: string): string => subject.split(".").map(token).join(".");
  const answersTo = answered[kind].map((asker) => `${inboxPrefix(asker, "*")}.>`);
  const toItself = kind === "agent" ? [`${inboxPrefix(kind, own)}.>`] : [];
  return {
    publish: [...publish.map(granted), ...answersTo, ...toItself],
    subscribe: [...subscribe.map(granted), `${inboxPrefix(kind, own)}.>`],
  };
}

/** Stand for anybody's id and for the principal's own. Names of clusters have no capitals. */
const any = "ANY";
const self = "SELF";

const framework = (subjects: Subjects): Grants => ({
  publish: [
    ...masterVerbs.map((verb) => subjects.master(self, verb)),
    ...launchVerbs.map((verb) => subjects.launch(any, self, verb)),
    subjects.sandbox(any, self),
    subjects.event("framework", self),
  ],
  subscribe: [subjects.leader, subjects.frameworkEvent(self, anySession).replace("0-0", any)],
});

const anySession = { epoch: 0, counter: 0 };

const serving =
  (service: "apps" | "jobs", kind: "app" | "job") =>
  (subjects: Subjects): Grants => {
    const { publish, subscribe } = framework(subjects);
    return {
      publish: [...publish, subjects.event(kind, any)],
      subscribe: [...subscribe, subjects.api(service, any)],
    };
  };

const spoken: Readonly<Record<PrincipalKind, (subjects: Subjects) => Grants>> = {
  master: (subjects) => ({
    publish: [
      subjects.leader,
      subjects.rescind(any),
      subjects.removeFramework(any),
      subjects.drain(any),
      subjects.frameworkEvent(any, anySession).replace("0-0", any),
      ...(["master", "agent", "framework"] as const).map((kind) => subjects.event(kind, any)),
    ],
    subscribe: [
      subjects.register(any),
      subjects.report(any),
      ...masterVerbs.map((verb) => subjects.master(any, verb)),
      subjects.api("master", any),
    ],
  }),
  agent: (subjects) => ({
    publish: [
      subjects.register(self),
      subjects.report(self),
      subjects.status(any, self),
      subjects.whoIs(self),
      subjects.event("agent", self),
      subjects.event("task", self),
    ],
    subscribe: [
      subjects.leader,
      subjects.rescind(self),
      subjects.removeFramework(self),
      subjects.drain(self),
      subjects.whoIs(self),
      ...launchVerbs.map((verb) => subjects.launch(self, any, verb)),
      subjects.sandbox(self, any),
      subjects.tasksQuery,
    ],
  }),
  framework,
  apps: serving("apps", "app"),
  jobs: serving("jobs", "job"),
  gateway: (subjects) => ({
    publish: [
      ...(["master", "apps", "jobs"] as const).map((service) => subjects.api(service, any)),
      subjects.tasksQuery,
      subjects.sandbox(any, "gateway"),
    ],
    subscribe: [],
  }),
};

/** Whose requests it answers. */
const answered: Readonly<Record<PrincipalKind, readonly PrincipalKind[]>> = {
  master: ["agent", "framework", "gateway"],
  agent: ["master", "framework", "gateway"],
  framework: ["master"],
  apps: ["master", "gateway"],
  jobs: ["master", "gateway"],
  gateway: [],
};
