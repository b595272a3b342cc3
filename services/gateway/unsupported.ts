import type { Fault } from "#protocol/errors.js";

/**
 * Fields of Marathon's and Metronome's definitions that are not taken. A field that were ignored would promise what is not done, so
 * it is refused, with what does its work here or why nothing does. Paths have `*` for the place in a list.
 */
type Reasons = Readonly<Record<string, string>>;

const answered = "it is a part of answers, not of a definition";

export const unsupportedOfApps: Reasons = {
  "/upgradeStrategy": "changes always go with minimumHealthCapacity 1 and maximumOverCapacity 1",
  "/killSelection": "of equal instances the youngest end first",
  "/unreachableStrategy": "replaceAfterSeconds says when a task on an unreachable agent is replaced",
  "/residency": "there are no volumes that outlive a task, but directories of the host",
  "/readinessChecks": "healthChecks decide when an instance serves",
  "/dependencies": "apps start independently of each other",
  "/acceptedResourceRoles": "all apps share the role of their framework",
  "/role": "all apps share the role of their framework",
  "/ports": "portDefinitions",
  "/uris": "fetch",
  "/storeUrls": "fetch",
  "/ipAddress": "networks and container.portMappings",
  "/secrets": "there is no store of secrets",
  "/executor": "cmd, args, container or jvm say what runs it",
  "/tty": "tasks have no terminal",
  "/container/docker/network": "networks: [{ mode: host }] or [{ mode: container/bridge }]",
  "/container/docker/portMappings": "container.portMappings",
  "/container/docker/parameters": "options of the engine are not passed on",
  "/container/docker/credential": "the agent's own logins to registries are used",
  "/container/docker/pullConfig": "the agent's own logins to registries are used",
  "/healthChecks/*/delaySeconds": "gracePeriodSeconds",
  "/healthChecks/*/port": "portIndex",
  "/healthChecks/*/ignoreHttp1xx": "only 2xx and 3xx are healthy",
  ...Object.fromEntries(
    [
      "version",
      "versionInfo",
      "deployments",
      "settled",
      "failures",
      "refusals",
      "backoffMs",
      "tasks",
      "tasksStaged",
      "tasksRunning",
      "tasksHealthy",
      "tasksUnhealthy",
      "lastTaskFailure",
    ].map((name) => [`/${name}`, answered]),
  ),
};

export const unsupportedOfJobs: Reasons = {
  "/schedules": "runs are started by POST /v1/jobs/ID/runs; whatever is due starts them there",
  "/dependencies": "jobs run independently of each other",
  "/run/secrets": "there is no store of secrets",
  "/run/ucr": "docker",
  "/run/gpus": "jobs get none",
  "/run/networks": "containers of jobs are on the network of their host",
  "/run/docker/parameters": "options of the engine are not passed on",
  ...Object.fromEntries(["activeRuns", "history", "historySummary"].map((name) => [`/${name}`, answered])),
};

/** What the check says of a property that its schema does not have. */
const noSuchProperty = "no property of this name";

export const withReasons = (faults: readonly Fault[], reasons: Reasons): Fault[] =>
  faults.map((fault) => {
    const reason = reasons[fault.path.replaceAll(/\/\d+(?=\/)/g, "/*")];
    return fault.expected !== noSuchProperty || reason === undefined
      ? fault
      : { ...fault, expected: `${noSuchProperty}: ${reason}` };
  });
