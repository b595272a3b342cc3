import { isDeepStrictEqual } from "node:util";
import { allOf } from "./app-commands.js";
import { type Asking, asksUntilTaken, type Waiting } from "./asking.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { definitionsOf, naming, type Placed } from "./files.js";
import { isUnknown } from "./named.js";
import type { Output } from "./output.js";

/** Submits the jobs of a file, or gives those that are there these definitions. Of several all are checked first. */
export async function putJobs(client: Client, output: Output, path: string, waiting: Waiting): Promise<void> {
  const asking = asksUntilTaken(output, waiting);
  const jobs = await definitionsOf(path, "job");
  const found = await asking.ask(goalOf(jobs), () => allOf(jobs.map((job) => look(client, job))));
  for (const [index, job] of jobs.entries()) {
    const { kind } = found[index]!;
    await asking.ask(goalOf([job]), submitting(client, job, { found: found[index]!, replace: true }));
    if (!output.isJson) output.line(`${job.id} ${kind === "same" ? "is there as it is in the file" : kind}`);
  }
  if (output.isJson) output.json(jobs.map(({ id }, index) => ({ id, is: found[index]!.kind })));
}

const goalOf = (jobs: readonly Placed[]): string => `submitting ${jobs.map(({ id }) => id).join(", ")}`;

/** What submitting it would be, with the fields in which it differs from what is there. */
interface Found {
  readonly kind: "new" | "same" | "changed";
  readonly differing: readonly string[];
}

const look = (client: Client, { id, definition, place }: Placed): Promise<Found> =>
  naming(place, foundOf(client, `/v1/jobs/${encodeURIComponent(id)}`, definition));

async function foundOf(client: Client, path: string, definition: object): Promise<Found> {
  const present = await client.get<object>(path).catch((cause: unknown) => {
    if (!isUnknown(cause)) throw cause;
  });
  if (present === undefined) return { kind: "new", differing: [] };
  const wanted = await client.put<object>(`${path}?dryRun=true`, definition);
  const differing = differences(present, wanted);
  return { kind: differing.length === 0 ? "same" : "changed", differing };
}

/** Asked again it looks first what became of the last time: what was created then is there now. */
function submitting(
  client: Client,
  job: Placed,
  { found, replace }: { readonly found: Found; readonly replace: boolean },
): () => Promise<object> {
  let known: Found | undefined = found;
  let mayBeDone = false;
  return async () => {
    const { kind, differing } = known ?? (await look(client, job));
    known = undefined;
    if (kind === "changed" && !replace) throw otherFailure(job, differing);
    try {
      await naming(job.place, submit(client, job, kind));
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      // When we looked, the last time was under way still.
      const isDone = mayBeDone && cause.code === "conflict" && (await look(client, job)).kind === "same";
      mayBeDone ||= cause.leavesOpen;
      if (!isDone) throw cause;
    }
    return {};
  };
}

async function submit(client: Client, { id, definition }: Placed, kind: Found["kind"]): Promise<void> {
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
export async function submitted(
  client: Client,
  { ask }: Asking,
  { path, replace }: { readonly path: string; readonly replace: boolean },
): Promise<string> {
  const [job, ...more] = await definitionsOf(path, "job");
  if (job === undefined || more.length > 0)
    throw new Failure("usage", `${path}: expected one job, found ${more.length + 1}`);
  const found = await ask(goalOf([job]), () => look(client, job));
  await ask(goalOf([job]), submitting(client, job, { found, replace }));
  return job.id;
}

const otherFailure = ({ id, place }: Placed, differing: readonly string[]): Failure =>
  new Failure(
    "refused",
    `${place}: ${id} is there with another definition, which differs in ${differing.join(", ")}`,
    [
      `--replace runs the one of the file, which takes its place; \`emporion job run ${id}\` runs the one that is there`,
    ],
  );
