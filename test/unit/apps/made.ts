import { Value } from "typebox/value";
import { AppDefinition } from "#protocol/app.js";
import type { Offer } from "#protocol/offer.js";
import { amounts } from "#libs/core/resources.js";
import { seenAttributes } from "#libs/core/constraint.js";
import type { Instance } from "#services/apps/instance.js";

/** A definition as the gateway hands it on: defaults filled in. */
export const definition = (given: object = {}): AppDefinition => {
  const base = {
    id: "/demo/web",
    ...("cmd" in given || "args" in given || "jvm" in given || "container" in given ? {} : { cmd: "serve" }),
  };
  return Value.Default(AppDefinition, { ...base, ...structuredClone(given) }) as AppDefinition;
};

let counter = 0;

/** An instance that runs on agent a, unless said otherwise. */
export const instance = ({
  rack = "r",
  ...given
}: Partial<Instance> & { readonly rack?: string } = {}): Instance => {
  const agent = given.agent ?? "a";
  return {
    id: `i${++counter}`,
    agent,
    host: `host-${agent}`,
    phase: "running",
    version: "v1",
    configVersion: "v1",
    attributes: seenAttributes({ id: agent, host: `host-${agent}`, attributes: { rack } }),
    ports: [],
    isChecked: false,
    healthy: undefined,
    unreachableSince: undefined,
    isLeaving: false,
    stagedAt: 1000,
    launchedAt: 1000,
    startedAt: 1000,
    message: undefined,
    isEnding: false,
    ...given,
  };
};

export interface OfferOptions {
  readonly cpus?: number;
  readonly mem?: number;
  readonly ports?: readonly (readonly [number, number])[];
  readonly attributes?: Record<string, string>;
  readonly number?: number;
}

export const offer = (
  agent: string,
  { cpus = 4, mem = 4096, ports = [[31000, 31099]], attributes = {}, number = 1 }: OfferOptions = {},
): Offer => ({
  agent,
  generation: 1,
  epoch: 1,
  number,
  floor: 1,
  replaces: [],
  framework: "apps",
  session: { epoch: 1, counter: 1 },
  role: "apps",
  resources: amounts({ cpus, mem, disk: 10_000, ports: ports.map(([first, last]) => [first, last]) }),
  host: `host-${agent}`,
  attributes,
  executors: [
    { kind: "process", version: "1", warnings: [] },
    { kind: "container", version: "20", warnings: [] },
    {
      kind: "jvm",
      version: "17",
      warnings: [],
      jdks: [{ release: 17, version: "17.0.1", vendor: "x", home: "/jdk" }],
    },
  ],
});
