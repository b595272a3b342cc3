import type { App, AppDefinition } from "#protocol/app.js";
import type { Service } from "#protocol/task.js";
import { hashOf } from "#libs/core/hash.js";
import { type AppPort, portsOf } from "./app-ports.js";

/**
 * How others find an app: `/demo/web` is the service `demo-web`, at its first port; each later port that has a name is
 * one more, `demo-web-<name>`. An app without ports has an entry without one.
 * Tags are the comma-separated words of the label `tags`, or of `EMPORION_TAGS` when there is no such label.
 */
export function servicesOf({ definition, version }: App): Service[] {
  const tags = tagsOf(definition.labels);
  const ports = portsOf(definition);
  return serviceNames(definition).map(({ name, port }) => ({
    name,
    ...(port !== undefined && { port }),
    tags,
    meta: {
      app: definition.id,
      version,
      ...(port !== undefined && { ...portMeta(ports[port]) }),
    },
  }));
}

export interface ServiceName {
  readonly name: string;
  /** Index of its port. */
  readonly port: number | undefined;
}

export function serviceNames(definition: AppDefinition): ServiceName[] {
  const base = label(definition.id.slice(1));
  const ports = portsOf(definition);
  if (ports.length === 0) return [{ name: base, port: undefined }];
  return ports.flatMap(({ name }, port) => {
    if (port === 0) return { name: base, port };
    return name === undefined ? [] : { name: label(`${base}-${name}`), port };
  });
}

export const tagsOf = (labels: Readonly<Record<string, string>>): string[] =>
  [
    ...new Set((labels["tags"] ?? labels["EMPORION_TAGS"] ?? "").split(",").map((each) => each.trim())),
  ].filter((tag) => tag !== "");

const portMeta = (port: AppPort | undefined): Record<string, string> =>
  port?.name === undefined ? {} : { port: port.name };

/** A DNS label: segments and dots become dashes; what is longer than 63 is cut, and told apart by a hash of the whole. */
function label(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  if (plain.length <= 63) return plain;
  return `${plain.slice(0, 54).replace(/-$/, "")}-${hashOf(text).toString(16).padStart(8, "0")}`;
}
