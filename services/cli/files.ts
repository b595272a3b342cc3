import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { Failure } from "./failure.js";

/** The definitions in a JSON or YAML file (`-`: standard input): one, a list, or several YAML documents. */
export async function readDefinitions(path: string): Promise<readonly Record<string, unknown>[]> {
  const documents = parseAllDocuments(await textOf(path));
  const faults = documents.flatMap(({ errors }) =>
    errors.map(({ message }) => message.split("\n")[0] ?? message),
  );
  if (faults.length > 0) throw new Failure("usage", `${shownPath(path)} is neither JSON nor YAML`, faults);
  const values = documents.flatMap((document) => document.toJS() as unknown);
  if (values.every((value) => value === null)) throw new Failure("usage", `${shownPath(path)} is empty`);
  for (const value of values)
    if (typeof value !== "object" || value === null)
      throw new Failure("usage", `${shownPath(path)}: expected an object, found ${JSON.stringify(value)}`);
  return values as Record<string, unknown>[];
}

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
