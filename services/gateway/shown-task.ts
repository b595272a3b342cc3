import type { TaskStatus } from "#protocol/task.js";

/**
 * Environments hold passwords more often than not, and so do URIs: names are shown, values are not. The framework's own data
 * is for the framework.
 */
export function withoutSecrets(status: TaskStatus): TaskStatus {
  const { data: _, env, artifacts, ...spec } = status.spec;
  return {
    ...status,
    spec: {
      ...spec,
      ...(env && { env: Object.fromEntries(Object.keys(env).map((name) => [name, "…"])) }),
      ...(artifacts && { artifacts: artifacts.map((each) => ({ ...each, uri: shownUri(each.uri) })) }),
    },
  };
}

/** Without user, password and query. */
const shownUri = (uri: string): string => uri.replace(/^(\w+:\/\/)[^/]*@/, "$1").replace(/[?#].*$/, "?…");
