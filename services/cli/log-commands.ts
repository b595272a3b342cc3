import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import type { ClusterEvent } from "#protocol/event.js";
import type { TaskStatus } from "#protocol/task.js";
import { systemClock } from "./clock.js";
import { countText } from "#libs/core/words.js";
import { delay } from "#libs/ports/clock.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { isOf, namedBy } from "./named.js";
import type { Output } from "./output.js";

export interface LogOptions {
  readonly follow?: boolean;
  readonly stderr?: boolean;
  /** bytes */
  readonly tail?: number;
}

/** `what`: a task's id, or the name of an app or job: then its one task, or the last one started. */
export async function logs(
  client: Client,
  what: string,
  { follow = false, stderr = false, tail }: LogOptions,
): Promise<void> {
  const task = await chosenTask(client, what);
  const query = new URLSearchParams({
    follow: String(follow),
    ...(tail !== undefined && { tail: String(tail) }),
  });
  const path = `/cluster/tasks/${encodeURIComponent(task)}`;
  const response = await client.open("GET", `${path}/${stderr ? "stderr" : "stdout"}?${String(query)}`);
  const shown = response.body === null ? 0 : await copied(Readable.fromWeb(response.body));
  if (shown > 0 || stderr || follow || tail === 0) return;
  const bytes = await stderrBytes(client, path);
  if (bytes > 0) process.stderr.write(`${elsewhereText(task, bytes)}\n`);
}

/** To standard output; how many bytes it was. */
async function copied(from: Readable): Promise<number> {
  let bytes = 0;
  from.on("data", (piece: Uint8Array) => (bytes += piece.length));
  await pipeline(from, process.stdout, { end: false }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EPIPE") throw new Failure("unreachable", `the log ended early: ${cause.message}`);
  });
  return bytes;
}

/** Told with the first byte of it; none when that cannot be had, for nobody has asked for it. */
async function stderrBytes(client: Client, path: string): Promise<number> {
  try {
    const response = await client.open("GET", `${path}/stderr`, undefined, { range: "bytes=0-0" });
    await response.body?.cancel();
    return Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? 0);
  } catch (cause) {
    if (cause instanceof Failure) return 0;
    throw cause;
  }
}

export const elsewhereText = (task: string, bytes: number): string =>
  `${task}: stdout is empty; stderr has ${countText(bytes, "byte")}, which --stderr shows`;

async function chosenTask(client: Client, what: string): Promise<string> {
  const { tasks, silent } = await client.get<Listed>("/cluster/tasks");
  return chosenOf(what, { tasks, silent });
}

/** What the gateway says of tasks, and the agents that did not. */
export interface Listed {
  readonly tasks: readonly TaskStatus[];
  readonly silent: readonly string[];
}

/** The task that is named, or of an app or job the one that runs, or else the last one started. @throws Failure when there is no such one */
export function chosenOf(what: string, { tasks, silent }: Listed): string {
  const named = namedBy(what);
  if (tasks.some(({ spec }) => spec.id === named.id)) return named.id;
  const found = tasks.filter(isOf(named)).toSorted((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
  const [last] = found;
  if (last === undefined) throw noneFailure(what, silent);
  const running = found.filter(({ endedAt }) => endedAt === undefined);
  if (running.length > 1)
    throw new Failure(
      "usage",
      `${what} has ${running.length} running tasks; name one`,
      running.map(({ spec, agent }) => `${spec.id} on ${agent}`),
    );
  return (running[0] ?? last).spec.id;
}

/** Agents answer for their tasks: of those of one that is silent nothing is known, nor that there are none. */
function noneFailure(what: string, silent: readonly string[]): Failure {
  if (silent.length === 0)
    return new Failure(
      "refused",
      `there is no task, app or job ${what}, or no task of it was launched; \`emporion tasks --all\` lists the tasks`,
    );
  return new Failure(
    "unreachable",
    `no agent that answers has a task of ${what}, but ${silent.join(", ")} ${silent.length === 1 ? "does" : "do"} not answer: it may be there`,
  );
}

/** What happens from now on (or from the beginning, `--all`); comes back by itself when the connection ends. */
export async function events(
  client: Client,
  output: Output,
  { follow = false, all = false }: { follow?: boolean; all?: boolean },
): Promise<void> {
  let last = follow && !all ? undefined : 0;
  for (;;) {
    const query = last === undefined ? "" : `?after=${last}`;
    try {
      const response = await client.open("GET", `/cluster/events${query}`, undefined, {
        accept: "text/event-stream",
      });
      for await (const event of framesOf(response, follow)) {
        last = event.sequence ?? last;
        show(output, event.data);
      }
      if (!follow) return;
    } catch (cause) {
      if (!follow || (cause instanceof Failure && cause.exitCode !== 3)) throw cause;
      process.stderr.write(`${(cause as Error).message}\n`);
    }
    await delay(systemClock, 1000);
  }
}

/** Without follow: until nothing more has come for a moment. Of events that were told together only the last has a sequence. */
async function* framesOf(
  response: Response,
  follow: boolean,
): AsyncGenerator<{ sequence: number | undefined; data: ClusterEvent }> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  let text = "";
  try {
    for (;;) {
      const read = follow
        ? await reader.read()
        : await Promise.race([
            reader.read(),
            delay(systemClock, 500).then(() => ({ done: true as const, value: undefined })),
          ]);
      if (read.done) return;
      text += read.value;
      const frames = text.split("\n\n");
      text = frames.pop() ?? "";
      for (const frame of frames) {
        const id = /^id: (\d+)$/m.exec(frame)?.[1];
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (data !== undefined)
          yield { sequence: id === undefined ? id : Number(id), data: JSON.parse(data) as ClusterEvent };
      }
    }
  } finally {
    await reader.cancel();
  }
}

function show(output: Output, { at, kind, type, about, message, ...rest }: ClusterEvent): void {
  if (output.isJson) return output.line(JSON.stringify({ at, kind, type, about, message, ...rest }));
  output.line(
    `${output.paint("gray", new Date(at).toISOString())}  ${kind.padEnd(9)} ${type.padEnd(14)} ${about}  ${message}`,
  );
}
