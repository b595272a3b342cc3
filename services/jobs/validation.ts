import { codec } from "#protocol/codec.js";
import type { Fault } from "#protocol/errors.js";
import type { JobDefinition } from "#protocol/job.js";
import { TaskSpec } from "#protocol/task.js";
import { regexpFault } from "#libs/core/constraint.js";
import { taskSpec } from "./task-spec.js";

/**
 * What a schema cannot say: every fault of a definition that has the right form, at once. Tasks carry their definition and
 * travel by the dozen, so one is at most 32 KiB.
 */
export function definitionFaults(definition: JobDefinition): Fault[] {
  const { run } = definition;
  const faults = [
    ...programFaults(run),
    ...constraintFaults(run),
    ...nameFaults(definition),
    ...sizeFaults(definition),
  ];
  return faults.length > 0 ? faults : taskFaults(definition);
}

const specs = codec(TaskSpec);

/** An agent would drop what is no task: whatever is left that makes one too long or too large. */
function taskFaults(definition: JobDefinition): Fault[] {
  const data = { job: definition, jobCreatedAt: 0, run: { id: "run", createdAt: 0 } };
  const checked = specs.check(taskSpec(definition.run, data, { id: "task", attempt: 1 }));
  if (checked.ok) return [];
  return checked.error.faults.map(({ path, expected, found }) => ({
    path: "",
    expected: `a task can be made of it: ${path} ${expected}`,
    found,
  }));
}

type Spec = JobDefinition["run"];

const given = "to be left out";

function programFaults({ cmd, args, docker, jvm, volumes }: Spec): Fault[] {
  const faults: Fault[] = [];
  const fault = (path: string, expected: string, found: string) => faults.push({ path, expected, found });
  if (cmd !== undefined && args !== undefined) fault("/run/args", `${given}, or \`cmd\` to be`, "both");
  if (cmd === undefined && args === undefined && docker === undefined && jvm === undefined)
    fault("/run", "one of `cmd`, `args`, `jvm`, or `docker` with an image", "none of them");
  if (volumes.length > 0 && docker === undefined)
    fault("/run/volumes", `${given}: only a container has volumes`, `${volumes.length} volumes`);
  if (jvm === undefined) return faults;
  if (docker !== undefined) fault("/run/docker", `${given}, or \`jvm\` to be`, "both");
  if (cmd !== undefined) fault("/run/cmd", `${given}: a JVM is started from \`jvm\``, "both");
  if ((jvm.jar === undefined) === (jvm.mainClass === undefined))
    fault(
      "/run/jvm",
      "exactly one of `jar` and `mainClass`",
      jvm.jar === undefined ? "neither of them" : "both",
    );
  if (jvm.mainClass !== undefined && jvm.classPath === undefined)
    fault("/run/jvm/classPath", "to be given with `mainClass`", "nothing");
  if (jvm.jar !== undefined && jvm.classPath !== undefined)
    fault("/run/jvm/classPath", `${given}: a jar names its own`, "both");
  return faults;
}

function constraintFaults({ placement }: Spec): Fault[] {
  return placement.constraints.flatMap(({ operator, value }, index) => {
    if (value === undefined || (operator !== "LIKE" && operator !== "UNLIKE")) return [];
    const fault = regexpFault(value);
    return fault === undefined
      ? []
      : [
          {
            path: `/run/placement/constraints/${index}/value`,
            expected: `a regular expression (${fault})`,
            found: value,
          },
        ];
  });
}

const envName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

function nameFaults({ labels, run }: JobDefinition): Fault[] {
  const pointer = (name: string) => name.replaceAll("~", "~0").replaceAll("/", "~1");
  const faults: Fault[] = [];
  for (const name of Object.keys(run.env))
    if (!envName.test(name))
      faults.push({
        path: `/run/env/${pointer(name)}`,
        expected: "a name of letters, digits, `_`, `.`, `-` that begins with a letter or `_`",
        found: name.slice(0, 80),
      });
  for (const [name, value] of Object.entries(labels))
    if (name.length > 128 || value.length > 4096)
      faults.push({
        path: `/labels/${pointer(name)}`,
        expected: "at most 128 characters, with a value of at most 4096",
        found: `${name.length} and ${value.length}`,
      });
  return faults;
}

const definitionBytesMax = 32 * 1024;

function sizeFaults(definition: JobDefinition): Fault[] {
  const bytes = new TextEncoder().encode(JSON.stringify(definition)).length;
  return bytes <= definitionBytesMax
    ? []
    : [{ path: "", expected: `at most ${definitionBytesMax} bytes as JSON`, found: `${bytes} bytes` }];
}
