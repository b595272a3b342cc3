import type { AppDefinition } from "#protocol/app.js";
import { codec } from "#protocol/codec.js";
import type { Fault } from "#protocol/errors.js";
import type { Resources } from "#protocol/resources.js";
import { TaskSpec } from "#protocol/task.js";
import { networkOf, portsOf } from "./app-ports.js";
import { constraintFaults } from "./constraints.js";
import { shapeOf } from "./shape.js";
import { serviceNames, tagsOf } from "./task-services.js";
import { taskSpec } from "./task-spec.js";

/**
 * What a schema cannot say: every fault of a definition that has the right form, at once. Tasks carry their definition and
 * travel by the dozen, so one is at most 32 KiB.
 */
export function definitionFaults(definition: AppDefinition): Fault[] {
  const faults = [
    ...programFaults(definition),
    ...networkFaults(definition),
    ...portFaults(definition),
    ...healthCheckFaults(definition),
    ...definition.constraints.flatMap((each, index) => constraintFaults(each, `/constraints/${index}`)),
    ...limitFaults(definition),
    ...cutOffFaults(definition),
    ...nameFaults(definition),
    ...sizeFaults(definition),
  ];
  return faults.length > 0 ? faults : taskFaults(definition);
}

const specs = codec(TaskSpec);
const everyPort: Resources = { scalars: {}, ports: [[0, 65_535]] };

/** An agent would drop what is no task: whatever is left that makes one too long or too large. */
function taskFaults(definition: AppDefinition): Fault[] {
  const app = { definition, version: "", configVersion: "" };
  const place = { taskId: "task", left: everyPort, attributes: {} };
  const checked = specs.check(taskSpec(app, shapeOf(definition), place));
  if (checked.ok) return [];
  return checked.error.faults.map(({ path, expected, found }) => ({
    path: "",
    expected: `a task can be made of it: ${path} ${expected}`,
    found,
  }));
}

const given = "to be left out";

function programFaults({ cmd, args, container, jvm }: AppDefinition): Fault[] {
  const faults: Fault[] = [];
  const fault = (path: string, expected: string, found: string) => faults.push({ path, expected, found });
  if (cmd !== undefined && args !== undefined) fault("/args", `${given}, or \`cmd\` to be`, "both");
  if (cmd === undefined && args === undefined && container === undefined && jvm === undefined)
    fault("", "one of `cmd`, `args`, `jvm`, or a `container` with an image", "none of them");
  if (jvm === undefined) return faults;
  if (container !== undefined) fault("/container", `${given}, or \`jvm\` to be`, "both");
  if (cmd !== undefined) fault("/cmd", `${given}: a JVM is started from \`jvm\``, "both");
  if ((jvm.jar === undefined) === (jvm.mainClass === undefined))
    fault("/jvm", "exactly one of `jar` and `mainClass`", jvm.jar === undefined ? "neither of them" : "both");
  if (jvm.mainClass !== undefined && jvm.classPath === undefined)
    fault("/jvm/classPath", "to be given with `mainClass`", "nothing");
  if (jvm.jar !== undefined && jvm.classPath !== undefined)
    fault("/jvm/classPath", `${given}: a jar names its own`, "both");
  return faults;
}

function networkFaults(definition: AppDefinition): Fault[] {
  const { container, networks, portDefinitions, requirePorts } = definition;
  const faults: Fault[] = [];
  const isBridge = networkOf(definition) === "bridge";
  if (isBridge && container === undefined)
    faults.push({
      path: "/networks/0/mode",
      expected: "host: only a container has a network of its own",
      found: "container/bridge",
    });
  if (!isBridge && (container?.portMappings.length ?? 0) > 0 && networks !== undefined)
    faults.push({
      path: "/container/portMappings",
      expected: "no mappings on the host's network: use `portDefinitions`",
      found: `${container?.portMappings.length} mappings`,
    });
  if (isBridge && container !== undefined && (portDefinitions?.length ?? 0) > 0)
    faults.push({
      path: "/portDefinitions",
      expected: "none in a bridge: use `container/portMappings`",
      found: `${portDefinitions?.length} definitions`,
    });
  if (isBridge && requirePorts)
    faults.push({
      path: "/requirePorts",
      expected: "false in a bridge: use `hostPort` of a mapping",
      found: "true",
    });
  return faults;
}

function portFaults(definition: AppDefinition): Fault[] {
  const base = networkOf(definition) === "bridge" ? "/container/portMappings" : "/portDefinitions";
  const faults: Fault[] = [];
  const names = new Map<string, number>();
  const exacts = new Map<number, number>();
  for (const [index, { name, exact, containerPort }] of portsOf(definition).entries()) {
    const firstOfName = name === undefined ? undefined : names.get(name);
    if (name !== undefined && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name))
      faults.push({
        path: `${base}/${index}/name`,
        expected: "lower-case letters, digits and inner dashes",
        found: name,
      });
    else if (firstOfName !== undefined)
      faults.push({
        path: `${base}/${index}/name`,
        expected: `a name of its own`,
        found: `${name}, the name of port ${firstOfName}`,
      });
    if (name !== undefined) names.set(name, names.get(name) ?? index);
    if (exact === undefined) continue;
    const firstOfPort = exacts.get(exact);
    if (firstOfPort !== undefined)
      faults.push({
        path: `${base}/${index}/${containerPort === undefined ? "port" : "hostPort"}`,
        expected: "a host port of its own",
        found: `${exact}, which is port ${firstOfPort} already`,
      });
    else exacts.set(exact, index);
  }
  return faults;
}

function healthCheckFaults(definition: AppDefinition): Fault[] {
  const faults: Fault[] = [];
  const count = portsOf(definition).length;
  for (const [index, check] of definition.healthChecks.entries()) {
    const path = `/healthChecks/${index}`;
    if (check.protocol === "COMMAND") {
      if (check.command === undefined)
        faults.push({
          path: `${path}/command`,
          expected: "to be given with the protocol COMMAND",
          found: "nothing",
        });
      continue;
    }
    if (check.command !== undefined)
      faults.push({
        path: `${path}/command`,
        expected: `${given}, or the protocol to be COMMAND`,
        found: check.protocol,
      });
    if ((check.portIndex ?? 0) >= count)
      faults.push({
        path: `${path}/portIndex`,
        expected: count === 0 ? "the app to have a port" : `0 to ${count - 1}: the app has ${count} ports`,
        found: String(check.portIndex ?? 0),
      });
    if (check.path !== undefined && !check.protocol.endsWith("HTTP"))
      faults.push({
        path: `${path}/path`,
        expected: `${given}, or the protocol to be HTTP`,
        found: check.protocol,
      });
  }
  return faults;
}

function limitFaults({ cpus, mem, resourceLimits, container, gpus }: AppDefinition): Fault[] {
  const faults: Fault[] = [];
  const atLeast = (name: "cpus" | "mem", asked: number) => {
    const limit = resourceLimits?.[name];
    if (limit !== undefined && limit < asked)
      faults.push({
        path: `/resourceLimits/${name}`,
        expected: `at least what is asked: ${asked}`,
        found: String(limit),
      });
  };
  atLeast("cpus", cpus);
  atLeast("mem", mem);
  if (gpus > 0 && container !== undefined)
    faults.push({
      path: "/gpus",
      expected: "0: a container is given none of the host's GPUs",
      found: String(gpus),
    });
  return faults;
}

/** Two never run at once only if the first has ended before the second is launched, and if somebody sees to that. */
function cutOffFaults({
  stopWhenCutOffSeconds: cutOff,
  replaceAfterSeconds,
  container,
}: AppDefinition): Fault[] {
  if (cutOff === undefined) return [];
  const faults: Fault[] = [];
  const fault = (expected: string, found: string) =>
    faults.push({ path: "/stopWhenCutOffSeconds", expected, found });
  if (cutOff >= replaceAfterSeconds)
    fault(`less than \`replaceAfterSeconds\`, ${replaceAfterSeconds}`, String(cutOff));
  if (container !== undefined)
    fault(`${given}: a container goes on while no agent is there to end it`, "a container");
  return faults;
}

const envName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

function nameFaults(definition: AppDefinition): Fault[] {
  const faults: Fault[] = [];
  const pointer = (name: string) => name.replaceAll("~", "~0").replaceAll("/", "~1");
  for (const name of Object.keys(definition.env))
    if (!envName.test(name))
      faults.push({
        path: `/env/${pointer(name)}`,
        expected: "a name of letters, digits, `_`, `.`, `-` that begins with a letter or `_`",
        found: name.slice(0, 80),
      });
  for (const [name, value] of Object.entries(definition.labels))
    if (name.length > 128 || value.length > 4096)
      faults.push({
        path: `/labels/${pointer(name)}`,
        expected: "at most 128 characters, with a value of at most 4096",
        found: `${name.length} and ${value.length}`,
      });
  const tags = tagsOf(definition.labels);
  if (tags.length > 64 || tags.some((tag) => tag.length > 256))
    faults.push({
      path: `/labels/${definition.labels["tags"] === undefined ? "EMPORION_TAGS" : "tags"}`,
      expected: "at most 64 tags of at most 256 characters",
      found: `${tags.length} tags`,
    });
  if (serviceNames(definition).length > 64)
    faults.push({
      path: "/portDefinitions",
      expected: "at most 64 named ports",
      found: String(serviceNames(definition).length),
    });
  return faults;
}

const definitionBytesMax = 32 * 1024;

function sizeFaults(definition: AppDefinition): Fault[] {
  const bytes = new TextEncoder().encode(JSON.stringify(definition)).length;
  return bytes <= definitionBytesMax
    ? []
    : [{ path: "", expected: `at most ${definitionBytesMax} bytes as JSON`, found: `${bytes} bytes` }];
}
