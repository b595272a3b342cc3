import type { AppDefinition, AppTask, AppView } from "#protocol/app.js";

/** An app as Marathon's clients know it. Absent options are left out, never null. */
export function appInfo(view: AppView, { tasks }: { readonly tasks: boolean }): object {
  const { app, lastFailure } = view;
  return {
    ...app.definition,
    version: app.version,
    versionInfo: { lastScalingAt: app.version, lastConfigChangeAt: app.configVersion },
    tasksStaged: view.staged,
    tasksRunning: view.running,
    tasksHealthy: view.healthy,
    tasksUnhealthy: view.unhealthy,
    deployments: view.deployment === undefined ? [] : [{ id: view.deployment }],
    settled: view.settled,
    ...(view.backoffMs > 0 && { backoffMs: view.backoffMs }),
    ...((view.failures ?? 0) > 0 && { failures: view.failures }),
    ...((view.refusals ?? 0) > 0 && { refusals: view.refusals }),
    ...(tasks && { tasks: view.tasks.map((task) => taskInfo(app.definition.id, task)) }),
    ...(tasks &&
      lastFailure !== undefined && {
        lastTaskFailure: {
          appId: app.definition.id,
          taskId: lastFailure.task,
          state: marathonState(lastFailure.state),
          message: lastFailure.message,
          host: lastFailure.host,
          timestamp: isoTime(lastFailure.at),
          version: app.version,
        },
      }),
  };
}

export function taskInfo(appId: string, task: AppTask): object {
  return {
    id: task.id,
    appId,
    slaveId: task.agent,
    host: task.host,
    ports: task.ports,
    state: marathonState(task.state),
    version: task.version,
    ...(task.stagedAt !== undefined && { stagedAt: isoTime(task.stagedAt) }),
    ...(task.startedAt !== undefined && { startedAt: isoTime(task.startedAt) }),
    ...(task.healthy !== undefined && { healthCheckResults: [{ alive: task.healthy, instanceId: task.id }] }),
    ...(task.message !== undefined && { message: task.message }),
  };
}

const states: Record<string, string> = {
  launching: "TASK_STAGING",
  refused: "TASK_ERROR",
  lost: "TASK_LOST",
  unreachable: "TASK_UNREACHABLE",
};

export const marathonState = (state: string): string => states[state] ?? `TASK_${state.toUpperCase()}`;

const isoTime = (wallMs: number): string => new Date(wallMs).toISOString();

/** A partial update of Marathon's: top-level fields of the body take the place of the present ones. */
export const merged = (present: AppDefinition, body: object, id: string): object => ({
  ...present,
  ...body,
  id,
});

/** True when the change is of the number of instances only. */
export const onlyScales = (body: object): body is { instances: number } => {
  const names = Object.keys(body).filter((name) => name !== "id");
  return (
    names.length === 1 &&
    names[0] === "instances" &&
    Number.isInteger((body as { instances?: unknown }).instances)
  );
};

/** `demo/web`, `/demo/web` and `//demo/web` of a path are all `/demo/web`. */
export const appIdOf = (path: string): string => `/${path.replace(/^\/+|\/+$/g, "")}`;
