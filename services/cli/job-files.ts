import { isDeepStrictEqual } from "node:util";
import { allOf } from "./app-commands.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { definitionsOf, naming, type Placed } from "./files.js";
import type { Output } from "./output.js";

/** Submits the jobs of a file, or gives those that are there these definitions. Of several all are checked first. */
export async function putJobs(client: Client, output: Output, path: string): Promise<void> {
  const submissions = await submissionsOf(client, path);
  const kinds = await allOf(submissions.map((each) => naming(each.place, kindOf(client, each))));
  for (const [index, submission] of submissions.entries()) {
    const kind = kinds[index]!.kind;
    await naming(submission.place, submit(client, submission, kind));
    if (!output.isJson)
      output.line(`${submission.id} ${kind === "same" ? "is there as it is in the file" : kind}`);
  }
  if (output.isJson) output.json(submissions.map(({ id }, index) => ({ id, is: kinds[index]!.kind })));
}

interface Submission extends Placed {
  readonly isThere: boolean;
}

type Kind = "new" | "same" | "changed";

async function submissionsOf(client: Client, path: string): Promise<Submission[]> {
  const definitions = await definitionsOf(path, "job");
  const jobs = new Set((await client.get<{ id: string }[]>("/v1/jobs")).map(({ id }) => id));
  return definitions.map((each) => ({ ...each, isThere: jobs.has(each.id) }));
}

/** What submitting it would be, with the fields in which it differs from what is there. */
async function kindOf(
  client: Client,
  { id, definition, isThere }: Submission,
): Promise<{ readonly kind: Kind; readonly differing: readonly string[] }> {
  if (!isThere) return { kind: "new", differing: [] };
  const path = `/v1/jobs/${encodeURIComponent(id)}`;
  const [present, wanted] = await Promise.all([
    client.get<object>(path),
    client.put<object>(`${path}?dryRun=true`, definition),
  ]);
  const differing = differences(present, wanted);
  return { kind: differing.length === 0 ? "same" : "changed", differing };
}

async function submit(client: Client, { id, definition }: Submission, kind: Kind): Promise<void> {
  if (kind === "new") await client.post("/v1/jobs", definition);
  if (kind === "changed") await client.put(`/v1/jobs/${encodeURIComponent(id)}`, definition);
}

/** `/run/cmd`: where two definitions are not the same; lists count as a whole. */
export function differences(present: unknown, wanted: unknown, path = ""): string[] {
  if (isDeepStrictEqual(present, wanted)) return [];
  if (!isObject(present) || !isObject(wanted)) return [path === "" ? "/" : path];
  return [...new Set([...Object.keys(present), ...Object.keys(wanted)])]
    .toSorted()
    .flatMap((name) => differences(present[name], wanted[name], `${path}/${name}`));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The id of the one job of a file that is there with the file's definition now. Another one is not replaced unasked. */
export async function submitted(client: Client, path: string, replace: boolean): Promise<string> {
  const [submission, ...more] = await submissionsOf(client, path);
  if (submission === undefined || more.length > 0)
    throw new Failure("usage", `${path}: expected one job, found ${more.length + 1}`);
  const { id, place } = submission;
  const { kind, differing } = await naming(place, kindOf(client, submission));
  if (kind === "changed" && !replace)
    throw new Failure(
      "refused",
      `${place}: ${id} is there with another definition, which differs in ${differing.join(", ")}`,
      [
        `--replace runs the one of the file, which takes its place; \`emporion job run ${id}\` runs the one that is there`,
      ],
    );
  await naming(place, submit(client, submission, kind));
  return id;
}
