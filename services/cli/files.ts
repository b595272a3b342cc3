import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { Failure } from "./failure.js";
import { absolute } from "./named.js";

/** A definition of a file, and where in it it stands. */
export interface Placed {
  /** Of an app with its leading slash. */
  readonly id: string;
  readonly definition: Record<string, unknown>;
  /** For a refusal: see `naming`. */
  readonly place: string;
}

/** All apps, or jobs, of a file. @throws Failure when one is of the other kind, has no id, or has that of another one */
export async function definitionsOf(path: string, what: "app" | "job"): Promise<readonly Placed[]> {
  const definitions = await readDefinitions(path);
  expectKind(path, definitions, what);
  const at = (index: number) => ({ what, index, count: definitions.length });
  const ids = definitions.map((definition, index) => {
    const id = idOf(definition, placeOf(path, at(index)));
    return what === "app" ? absolute(id) : id;
  });
  expectDistinct(path, ids);
  return definitions.map((definition, index) => {
    const id = ids[index]!;
    return { id, definition, place: placeOf(path, { ...at(index), id }) };
  });
}

/** Where in a file a definition stands: `web.yaml`, or of several `web.yaml: app 2 of 3 (/shop/web)`. */
function placeOf(
  path: string,
  {
    what,
    index,
    count,
    id,
  }: { readonly what: string; readonly index: number; readonly count: number; readonly id?: string },
): string {
  const number = count > 1 ? `: ${what} ${index + 1} of ${count}` : "";
  return `${shownPath(path)}${number}${id === undefined ? "" : ` (${id})`}`;
}

function idOf({ id }: Record<string, unknown>, place: string): string {
  if (typeof id === "string" && id !== "") return id;
  throw new Failure(
    "usage",
    `${place}: expected an \`id\`, found ${id === undefined ? "none" : shownValue(id)}`,
  );
}

/** A file may be given to the wrong command. @throws Failure that names the right one */
export function expectKind(
  path: string,
  definitions: readonly Record<string, unknown>[],
  wanted: "app" | "job",
): void {
  const other = wanted === "app" ? "job" : "app";
  const index = definitions.findIndex((each) => kindOf(each) === other);
  if (index < 0) return;
  const place = placeOf(path, { what: "definition", index, count: definitions.length });
  const command = other === "job" ? "job run" : "app deploy";
  throw new Failure(
    "usage",
    `${place}: this looks like ${other === "job" ? "a job" : "an app"}: \`emporion ${command} ${path}\` takes it`,
  );
}

/** Jobs have what they run in `run`, apps beside their id. Undefined: it may be either, or neither. */
function kindOf(definition: Record<string, unknown>): "app" | "job" | undefined {
  if (typeof definition["run"] === "object") return "job";
  return ofApps.some((name) => name in definition) ? "app" : undefined;
}

const ofApps = ["cmd", "args", "container", "jvm", "instances", "healthChecks", "portDefinitions"];

/** Two of one id would take each other's place. @throws Failure for the first two that do */
export function expectDistinct(path: string, ids: readonly string[]): void {
  for (const [index, id] of ids.entries()) {
    const first = ids.indexOf(id);
    if (first < index)
      throw new Failure(
        "usage",
        `${shownPath(path)}: definitions ${first + 1} and ${index + 1} have the same id, ${id}; nothing of the file is taken`,
      );
  }
}

/** A refusal says of which definition it is. */
export async function naming<T>(place: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw cause instanceof Failure ? cause.at(place) : cause;
  }
}

/** The definitions in a JSON or YAML file (`-`: standard input): one, a list, or several YAML documents. */
export async function readDefinitions(path: string): Promise<readonly Record<string, unknown>[]> {
  const documents = parseAllDocuments(await textOf(path));
  const many = documents.length > 1;
  const faults = documents.flatMap(({ errors }, index) =>
    errors.map(
      ({ message }) =>
        `${many ? `document ${index + 1}: ` : ""}${shortened(message.split("\n")[0]?.replace(/:$/, "") ?? "")}`,
    ),
  );
  if (faults.length > 0)
    throw new Failure("usage", `${shownPath(path)} is neither JSON nor YAML`, firstOf(faults));
  const values = documents
    .flatMap((document) => document.toJS() as unknown)
    .filter((value) => value !== null);
  if (values.length === 0) throw new Failure("usage", `${shownPath(path)} is empty`);
  for (const [index, value] of values.entries())
    if (typeof value !== "object" || Array.isArray(value)) {
      const place = placeOf(path, { what: "definition", index, count: values.length });
      throw new Failure("usage", `${place}: expected an object with an \`id\`, found ${shownValue(value)}`);
    }
  return values as Record<string, unknown>[];
}

const faultsMost = 5;

const firstOf = (faults: readonly string[]): string[] =>
  faults.length <= faultsMost
    ? [...faults]
    : [...faults.slice(0, faultsMost), `and ${faults.length - faultsMost} more`];

const shownMost = 80;

/** What may come from a binary file: on one line, short, and harmless to a terminal. The end says where it is, so it stays. */
function shortened(text: string): string {
  const printable = text.replaceAll(/[^\P{C} ]/gu, "·");
  if (printable.length <= 2 * shownMost) return printable;
  return `${printable.slice(0, shownMost)}…${printable.slice(-shownMost / 2)}`;
}

const shownValue = (value: unknown): string => {
  const text = shortened(JSON.stringify(value));
  return text.length > shownMost ? `${text.slice(0, shownMost)}…` : text;
};

async function textOf(path: string): Promise<string> {
  try {
    // /dev/stdin cannot be opened where standard input is a socket, as a program that starts us may make it.
    return await (path === "-" ? text(process.stdin) : readFile(path, "utf8"));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EISDIR"
          ? "it is a directory"
          : (cause as Error).message;
    throw new Failure("usage", `cannot read ${shownPath(path)}: ${why}`);
  }
}

const shownPath = (path: string): string => (path === "-" ? "standard input" : path);
