import type { Fault } from "#protocol/errors.js";
import type { TaskSpec, Workload } from "#protocol/task.js";
import { portList } from "#libs/core/resources.js";

/** What a schema cannot say about a task: every fault, with its path in the task (R10). */
export function taskFaults(spec: TaskSpec): Fault[] {
  const ports = portList(spec.resources.ports);
  return [
    ...workloadFaults(spec.workload, ports.length),
    ...portFaults(spec, ports),
    ...limitFaults(spec),
    ...(spec.artifacts ?? []).flatMap(({ path }, index) => pathFaults(`/artifacts/${index}/path`, path)),
  ];
}

function workloadFaults(workload: Workload, ports: number): Fault[] {
  switch (workload.kind) {
    case "process":
      return exactlyOne(workload, ["command", "argv"]);
    case "jvm":
      return [
        ...exactlyOne(workload, ["jar", "mainClass"]),
        ...(workload.mainClass !== undefined && workload.classPath === undefined
          ? [fault("/workload/classPath", "to be given with mainClass", "nothing")]
          : []),
      ];
    case "container":
      return [
        ...atMostOne(workload, ["command", "argv"]),
        ...(workload.portMappings ?? []).flatMap(({ port }, index) =>
          indexFaults(`/workload/portMappings/${index}/port`, port, ports),
        ),
      ];
  }
}

function portFaults(spec: TaskSpec, ports: readonly number[]): Fault[] {
  const faults: Fault[] = [];
  const seen = new Set<number>();
  for (const port of ports) {
    if (seen.has(port)) faults.push(fault("/resources/ports", "each port once", `${port} twice`));
    seen.add(port);
  }
  for (const [first, last] of spec.resources.ports)
    if (first > last)
      faults.push(fault("/resources/ports", "ranges that begin before they end", `${first}-${last}`));
  for (const [index, { port }] of (spec.services ?? []).entries())
    if (port !== undefined) faults.push(...indexFaults(`/services/${index}/port`, port, ports.length));
  return [...faults, ...checkFaults(spec, ports.length)];
}

function checkFaults({ healthCheck: check }: TaskSpec, ports: number): Fault[] {
  if (check === undefined) return [];
  if (check.kind === "command")
    return check.command === undefined
      ? [fault("/healthCheck/command", "to be given for a command check", "nothing")]
      : [];
  return indexFaults("/healthCheck/port", check.port ?? 0, ports);
}

function limitFaults({ limits, resources }: TaskSpec): Fault[] {
  const faults: Fault[] = [];
  for (const name of ["cpus", "mem"] as const) {
    const limit = limits?.[name];
    const asked = resources.scalars[name] ?? 0;
    if (limit !== undefined && limit < asked)
      faults.push(fault(`/limits/${name}`, `at least its resources, ${asked}`, String(limit)));
  }
  return faults;
}

const indexFaults = (path: string, index: number, ports: number): Fault[] =>
  index < ports
    ? []
    : [
        fault(
          path,
          ports === 0 ? "no port: the task has none" : `an index into the task's ports, 0 to ${ports - 1}`,
          String(index),
        ),
      ];

/** A name below the sandbox. */
const pathFaults = (at: string, path: string | undefined): Fault[] =>
  path === undefined || (!path.startsWith("/") && !path.split("/").includes("..") && path !== "")
    ? []
    : [fault(at, "a path below the sandbox", path)];

function exactlyOne<T extends object>(workload: T, names: readonly (keyof T & string)[]): Fault[] {
  return names.some((name) => workload[name] !== undefined)
    ? atMostOne(workload, names)
    : [fault("/workload", `one of ${names.join(" and ")}`, "neither")];
}

const atMostOne = <T extends object>(workload: T, names: readonly (keyof T & string)[]): Fault[] =>
  names.every((name) => workload[name] !== undefined)
    ? [fault("/workload", `only one of ${names.join(" and ")}`, "both")]
    : [];

const fault = (path: string, expected: string, found: string): Fault => ({ path, expected, found });
