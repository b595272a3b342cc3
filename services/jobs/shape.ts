import type { Need } from "#protocol/framework.js";
import type { Constraint } from "#protocol/resources.js";
import { amounts } from "#libs/core/resources.js";
import type { RunRecord } from "./record.js";

type Spec = RunRecord["spec"];

/** What one attempt asks of an agent. */
export interface Shape {
  readonly need: Need;
  /** The same for equal needs. */
  readonly kind: string;
}

const shapes = new WeakMap<Spec, Shape>();

/** Made once for each spec: the runs of a job share theirs. */
export function shapeOf(spec: Spec): Shape {
  const known = shapes.get(spec);
  if (known !== undefined) return known;
  const { cpus, mem, disk, docker, jvm, placement } = spec;
  const need: Need = {
    resources: amounts({ cpus, mem, disk }),
    constraints: placement.constraints.flatMap(constraintOf),
    executor: docker !== undefined ? "container" : jvm !== undefined ? "jvm" : "process",
    ...(jvm?.version !== undefined && { jdk: jvm.version }),
  };
  const shape = { need, kind: JSON.stringify(need) };
  shapes.set(spec, shape);
  return shape;
}

const operators = { IS: "is", EQ: "is", LIKE: "like", UNLIKE: "unlike" } as const;

/** Without a value a constraint has no effect, as in Metronome. `hostname` and `@hostname` are the agent's address. */
function constraintOf({
  attribute,
  operator,
  value,
}: Spec["placement"]["constraints"][number]): Constraint[] {
  if (value === undefined) return [];
  const isHostname = attribute === "hostname" || attribute === "@hostname";
  return [{ attribute: isHostname ? "@host" : attribute, operator: operators[operator], value }];
}
