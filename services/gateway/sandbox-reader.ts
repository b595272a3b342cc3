import { codec } from "#protocol/codec.js";
import { SandboxReply, SandboxRequest, sandboxReadMax } from "#protocol/sandbox.js";
import { Refused } from "./answer.js";
import type { Parts } from "./parts.js";

const request = codec(SandboxRequest);
const reply = codec(SandboxReply);

/** How long an agent holds an answer back while a file does not grow. */
const followWaitMs = 15_000;

type Answer<Verb> = Extract<SandboxReply, { verb: Verb }>;
export type Piece = Answer<"read">;

/** A path in the sandbox of a task, on the agent that has it. */
export interface TaskPath {
  readonly agent: string;
  readonly task: string;
  readonly path: string;
}

/** Reads the sandboxes of tasks, each from its agent. What an agent refuses, or does not answer, is thrown as {@link Refused}. */
export class SandboxReader {
  readonly #parts: Pick<Parts, "bus" | "subjects" | "tasks">;

  constructor(parts: Pick<Parts, "bus" | "subjects" | "tasks">) {
    this.#parts = parts;
  }

  /** Asks all agents for the task. */
  async locate(task: string, path: string): Promise<TaskPath> {
    const { agent } = await this.#parts.tasks.find(task);
    return { agent, task, path };
  }

  async list({ agent, task, path }: TaskPath): Promise<Answer<"list">> {
    return (await this.#ask(agent, { verb: "list", task, path })) as Answer<"list">;
  }

  /**
   * @param offset bytes; negative: so many before the end.
   * @param length bytes, one at least; of more than an answer holds comes the beginning.
   * @param waitMs how long to wait at the end of a file that may grow; not at all unless given.
   */
  async read(
    { agent, task, path }: TaskPath,
    { offset, length, waitMs = 0 }: { offset: number; length: number; waitMs?: number },
  ): Promise<Piece> {
    const asked = { task, path, offset, length: Math.min(length, sandboxReadMax), waitMs };
    return (await this.#ask(agent, { verb: "read", ...asked })) as Piece;
  }

  /**
   * From `first`, the piece that was read already, on.
   *
   * @param end excluded. Undefined: followed, that is until the task ends.
   */
  async *pieces(from: TaskPath, { first, end }: { first: Piece; end: number | undefined }) {
    const follow = end === undefined;
    let piece = first;
    for (let offset = first.offset; ;) {
      const bytes = Buffer.from(piece.base64, "base64");
      if (bytes.length > 0) yield bytes;
      offset += bytes.length;
      const goal = end ?? (piece.ended ? piece.size : Number.POSITIVE_INFINITY);
      // A file that became shorter gives no more.
      if (offset >= goal || (bytes.length === 0 && !follow)) return;
      const wait = follow ? { waitMs: followWaitMs } : {};
      piece = await this.read(from, { offset, length: goal - offset, ...wait });
    }
  }

  async #ask(agent: string, asked: SandboxRequest): Promise<Exclude<SandboxReply, { ok: false }>> {
    const { bus, subjects } = this.#parts;
    const subject = subjects.sandbox(agent, "gateway");
    const answer = await bus.request(subject, request.encode(asked), followWaitMs + 5000);
    if (!answer.ok)
      throw new Refused({
        code: "unavailable",
        message: `agent ${agent} does not answer (${answer.error}): is it running?`,
      });
    const decoded = reply.decode(answer.value);
    if (!decoded.ok)
      throw new Refused({ code: "internal", message: `agent ${agent} gave an answer that is none` }, 502);
    if (!decoded.value.ok) throw new Refused(decoded.value.error);
    return decoded.value;
  }
}
