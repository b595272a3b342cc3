import type { TaskStatus } from "#protocol/task.js";
import { unreachable } from "#libs/core/assert.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";

const namedKinds = ["app", "job", "framework", "task"] as const;

/** What a word on the command line means: `/demo/web`, `app:/demo/web`, `job:demo.pi`, `task:demo.pi.1-4`, `framework:apps`. */
export interface Named {
  /** Absent: a job, an app at the top, or a task; which one shows when it is looked for. */
  readonly kind?: (typeof namedKinds)[number];
  /** As the gateway and tasks call it: of an app with its leading slash. */
  readonly id: string;
}

/** @throws Failure for a word before the colon that is no kind of thing */
export function namedBy(what: string): Named {
  const [, word, rest] = /^(\w+):(.*)$/s.exec(what) ?? [];
  const kind = namedKinds.find((each) => each === word) ?? (what.includes("/") ? "app" : undefined);
  const id = kind === word && rest !== undefined ? rest : what;
  if (id === "" || (word !== undefined && kind !== word))
    throw new Failure(
      "usage",
      `expected an app (/demo/web or app:/demo/web), a job (demo.pi or job:demo.pi), a task (its id or task:ID) or framework:ID, found ${what}`,
    );
  if (kind === undefined) return { id };
  return { kind, id: kind === "app" ? absolute(id) : id };
}

export const absolute = (id: string): string => `/${id.replace(/^\/+|\/+$/g, "")}`;

/** Where the gateway has it; slashes of the id are slashes of the path. */
export const appPath = (id: string): string => `/v2/apps${inPath(absolute(id))}`;

export const inPath = (id: string): string => id.split("/").map(encodeURIComponent).join("/");

/** Whether a task is it, or belongs to it. */
export const isOf =
  ({ kind, id }: Named) =>
  ({ spec, framework }: Pick<TaskStatus, "spec" | "framework">): boolean => {
    switch (kind) {
      case "task":
        return spec.id === id;
      case "framework":
        return framework === id;
      case "app":
      case "job":
        return spec.name === id;
      case undefined:
        return spec.id === id || spec.name === id;
      default:
        return unreachable(kind);
    }
  };

/** Undefined when no agent that answers has it. */
export const taskOf = (client: Client, id: string): Promise<TaskStatus | undefined> =>
  client.get<TaskStatus>(`/cluster/tasks/${encodeURIComponent(id)}`).catch((cause: unknown) => {
    if (cause instanceof Failure && cause.code === "not-found") return undefined;
    throw cause;
  });

/** There is no such thing: what is no id of that kind names nothing of it. */
export const isUnknown = (cause: unknown): boolean =>
  cause instanceof Failure && (cause.code === "not-found" || cause.code === "invalid");

/** Of what is named without its kind. */
export const unknownFailure = (id: string): Failure =>
  new Failure(
    "refused",
    `there is no job and no task ${id}; an app is named with its slash (/demo/web), a framework as framework:ID`,
  );
