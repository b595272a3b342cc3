import { readFileSync } from "node:fs";
import { type Static, type TObject, type TProperties, type TSchema, Type } from "typebox";
import { codec } from "#protocol/codec.js";
import type { Fault } from "#protocol/errors.js";
import { ClusterName } from "#protocol/ids.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { logLevels } from "./log.js";

/**
 * Settings are a TypeBox object whose properties name their environment variable:
 *
 *     Type.Object({ ...commonSettings, port: Type.Integer({ env: "EMPORION_GATEWAY_PORT", default: 8080 }) })
 *
 * A property with neither a default nor `Type.Optional` must be given. `secret: true`: it may instead be the content of the file that
 * `<env>_FILE` names, and is never shown. An empty variable counts as absent.
 *
 * Texts become what the schema asks for: numbers; booleans (`true on yes 1`, `false off no 0`); arrays (`a,b`); records
 * (`rack:a,zone:1`, or with `=`).
 */
export interface Setting {
  readonly env: string;
  readonly secret?: boolean;
}

/** What every service reads. */
export const commonSettings = {
  cluster: Type.String({
    ...ClusterName,
    env: "EMPORION_CLUSTER",
    default: "local",
    description: "name of the cluster: a part of every subject and bucket",
  }),
  natsUrl: Type.String({
    env: "NATS_URL",
    default: "nats://127.0.0.1:4222",
    minLength: 1,
    description: "one or more, separated by commas; credentials as nats://user:password@host",
  }),
  natsCreds: Type.Optional(
    Type.String({
      env: "EMPORION_NATS_CREDS",
      secret: true,
      minLength: 1,
      description: "as whom it speaks: a file of `emporion auth`, where the NATS server asks",
    }),
  ),
  natsCa: Type.Optional(
    Type.String({
      env: "EMPORION_NATS_CA",
      secret: true,
      minLength: 1,
      description: "PEM: who vouches for the NATS servers; with it the connection is encrypted",
    }),
  ),
  natsCert: Type.Optional(
    Type.String({
      env: "EMPORION_NATS_CERT",
      secret: true,
      minLength: 1,
      description: "PEM: our certificate, where the NATS server asks for one; with EMPORION_NATS_KEY",
    }),
  ),
  natsKey: Type.Optional(
    Type.String({ env: "EMPORION_NATS_KEY", secret: true, minLength: 1, description: "PEM" }),
  ),
  replicas: Type.Integer({
    env: "EMPORION_REPLICAS",
    default: 1,
    minimum: 1,
    maximum: 5,
    description: "of streams and buckets, in a NATS cluster",
  }),
  healthFile: Type.Optional(
    Type.String({
      env: "EMPORION_HEALTH_FILE",
      minLength: 1,
      description:
        "touched every 5 s while the process is connected to NATS: whoever supervises it looks at its age",
    }),
  ),
  logLevel: Type.Enum([...logLevels], { env: "EMPORION_LOG_LEVEL", default: "info" }),
  leaseMs: Type.Integer({
    env: "EMPORION_LEASE_MS",
    default: 5000,
    minimum: 1000,
    maximum: 600_000,
    description: "how long after a leader's last sign of life another takes over",
  }),
};
export const CommonSettings = Type.Object(commonSettings);
export type CommonSettings = Static<typeof CommonSettings>;

/** Of services that make offers. */
export const clusterKeySetting = Type.String({
  env: "EMPORION_CLUSTER_KEY",
  secret: true,
  minLength: 16,
  description: "secret from which the agents' keys are derived",
});

/** Of services that look into the service registry. `off`: there is none. */
export const consulSettings = {
  consul: Type.String({
    env: "CONSUL_HTTP_ADDR",
    default: "127.0.0.1:8500",
    description: "host:port or URL",
  }),
  consulToken: Type.Optional(
    Type.String({
      env: "CONSUL_HTTP_TOKEN",
      secret: true,
      minLength: 1,
      description: "where Consul has an access control list",
    }),
  ),
  consulEnabled: Type.Boolean({
    env: "EMPORION_CONSUL",
    default: true,
    description: "off: run without a registry",
  }),
};

type Environment = Readonly<Record<string, string | undefined>>;

/** All faults at once; the path of each is the variable's name. */
export function readConfig<P extends TProperties>(
  schema: TObject<P>,
  env: Environment,
): Result<Static<TObject<P>>, readonly Fault[]> {
  const faults: Fault[] = [];
  const value: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const text = textOf(property as TSchema & Setting, env, faults);
    if (text !== undefined) value[name] = converted(property, text);
    else if ("default" in property) value[name] = property.default;
  }
  const checked = codec(schema).check(value);
  if (!checked.ok) faults.push(...named(checked.error.faults, schema.properties, faults));
  return checked.ok && faults.length === 0 ? ok(checked.value) : fail(faults);
}

/** One line for people: `EMPORION_LEASE_MS: expected integer, found "soon"`. */
export const faultText = ({ path, expected, found }: Fault): string =>
  `${path}: expected ${expected}, found ${found}`;

function textOf({ env: name, secret }: Setting, env: Environment, faults: Fault[]): string | undefined {
  const given = env[name] || undefined;
  const file = secret === true ? env[`${name}_FILE`] || undefined : undefined;
  if (file === undefined) return given;
  if (given !== undefined)
    faults.push({ path: name, expected: `either ${name} or ${name}_FILE`, found: "both" });
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    faults.push({
      path: `${name}_FILE`,
      expected: "a file that can be read",
      found: (cause as Error).message,
    });
    return undefined;
  }
}

const yes = new Set(["true", "on", "yes", "1"]);
const no = new Set(["false", "off", "no", "0"]);

/** What is not of the asked form stays text, for the check to complain about. */
function converted(schema: TSchema, text: string): unknown {
  const { type = "", items } = schema as { readonly type?: string; readonly items?: TSchema };
  switch (type) {
    case "integer":
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return yes.has(text.toLowerCase()) || (no.has(text.toLowerCase()) ? false : text);
    case "array":
      return words(text).map((word) => (items === undefined ? word : converted(items, word)));
    case "object":
      return pairs(text) ?? text;
    default:
      return text;
  }
}

const words = (text: string): string[] =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

function pairs(text: string): Record<string, string> | undefined {
  const found = words(text).map((word) => /^([^:=]+)[:=](.*)$/.exec(word));
  if (found.some((each) => each === null)) return undefined;
  return Object.fromEntries(found.map((each) => [each![1]!.trim(), each![2]!.trim()]));
}

/** Faults of the value, with the names of variables in place of those of properties; none twice. */
function named(faults: readonly Fault[], properties: TProperties, known: readonly Fault[]): Fault[] {
  return faults.flatMap(({ path, expected, found }) => {
    const [, property = "", ...rest] = path.split("/");
    const { env: name, secret } = properties[property] as unknown as Setting;
    if (known.some((each) => each.path === name || each.path === `${name}_FILE`)) return [];
    const shown = secret === true && found !== "nothing" ? "something else" : found;
    const either = secret === true && found === "nothing" ? `${name} or ${name}_FILE` : name;
    return [{ path: [either, ...rest].join("/"), expected, found: shown }];
  });
}
