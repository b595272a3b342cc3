import { refusal } from "#protocol/errors.js";
import { type SandboxReply, type SandboxRequest, seesAllSandboxes } from "#protocol/sandbox.js";
import type { Instant } from "#libs/core/time.js";
import type { SandboxRead } from "#libs/core/sandbox.js";
import type { AgentEffect, Reply, SandboxEntries } from "./events.js";
import { hasEnded, type Task } from "./task.js";
import type { Tasks } from "./tasks.js";

type Read = Extract<SandboxRequest, { readonly verb: "read" }>;

interface Reader {
  readonly task: Task;
  readonly request: Read;
  readonly until: number;
  /** Negative until the file was read once. */
  offset: number;
  state: "reading" | "waiting";
  /** It ended before the file was read the last time: what was read then is all. */
  hadEnded: boolean;
}

export interface ReadingOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly tasks: Pick<Tasks, "get">;
}

/** So that an answer stays under 256 KB. */
const entriesMax = 1000;

/**
 * Looks into sandboxes for others. A reader at the end of a file that may still grow waits until it does, until the task
 * ends, or until its patience does. A file is whole (`ended`) only when it was read after its task had ended.
 */
export class Reading {
  readonly #options: ReadingOptions;
  readonly #readers = new Map<Reply, Reader>();

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  asked(at: Instant, reply: Reply, sender: string, request: SandboxRequest): void {
    const { emit, tasks } = this.#options;
    const task = tasks.get(request.task);
    if (task === undefined)
      return this.#refuse(reply, "not-found", `no sandbox of a task ${request.task} is here`);
    if (!seesAllSandboxes.has(sender) && sender !== task.framework)
      return this.#refuse(reply, "forbidden", `${request.task} is not a task of ${sender}`);
    if (request.verb === "list") {
      emit({ type: "listDirectory", reply, task: request.task, path: request.path });
      return;
    }
    const until = at.mono + (request.waitMs ?? 0);
    const { offset } = request;
    const reader: Reader = { task, request, until, offset, state: "reading", hadEnded: false };
    this.#readers.set(reply, reader);
    this.#read(reply, reader);
  }

  fileRead(at: Instant, reply: Reply, file: SandboxRead): void {
    const reader = this.#readers.get(reply);
    if (reader === undefined) return;
    const { request, task, until, hadEnded } = reader;
    if (file.bytes.length === 0 && !hadEnded && at.mono < until) {
      reader.offset = file.offset;
      if (hasEnded(task)) return this.#read(reply, reader);
      reader.state = "waiting";
      this.#options.emit({
        type: "awaitGrowth",
        reply,
        task: request.task,
        path: request.path,
        size: file.size,
        timeoutMs: until - at.mono,
      });
      return;
    }
    this.#readers.delete(reply);
    this.#answer(reply, {
      ok: true,
      verb: "read",
      offset: file.offset,
      size: file.size,
      base64: base64(file.bytes),
      ended: hadEnded,
    });
  }

  grown(reply: Reply): void {
    const reader = this.#readers.get(reply);
    if (reader?.state === "waiting") this.#read(reply, reader);
  }

  listed(reply: Reply, entries: SandboxEntries): void {
    this.#answer(reply, { ok: true, verb: "list", entries: entries.slice(0, entriesMax) });
  }

  failed(reply: Reply, message: string): void {
    const reader = this.#readers.get(reply);
    this.#readers.delete(reply);
    this.#refuse(reply, "not-found", (reader && neverStarted(reader)) ?? message);
  }

  /** Its files do not grow any more. */
  taskEnded(task: Task): void {
    for (const [reply, reader] of this.#readers)
      if (reader.task === task && reader.state === "waiting") this.#read(reply, reader);
  }

  #read(reply: Reply, reader: Reader): void {
    const { task, request, offset } = reader;
    const { path, length } = request;
    reader.state = "reading";
    reader.hadEnded = hasEnded(task);
    this.#options.emit({ type: "readFile", reply, task: request.task, path, offset, length });
  }

  #refuse(reply: Reply, code: "not-found" | "forbidden", message: string): void {
    this.#answer(reply, { ok: false, error: refusal(code, message) });
  }

  #answer(reply: Reply, answer: SandboxReply): void {
    this.#options.emit({ type: "answer", reply, answer });
  }
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** Why there is no output: there was nobody to write it. */
function neverStarted({ task, request: { path } }: Reader): string | undefined {
  if (task.startedAt !== undefined || (path !== "stdout" && path !== "stderr")) return undefined;
  const { state, reason, message } = task.latest;
  const why = [reason, message].filter((each) => each !== undefined).join(": ");
  return hasEnded(task)
    ? `${task.spec.id} never started, so there is no ${path}: ${state}${why === "" ? "" : ` (${why})`}`
    : `${task.spec.id} has not started yet, so there is no ${path} so far`;
}
