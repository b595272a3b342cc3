import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { SandboxReply, SandboxRequest, sandboxReadMax } from "#protocol/sandbox.js";
import { Refused } from "./answer.js";
import type { Parts } from "./parts.js";

const request = codec(SandboxRequest);
const reply = codec(SandboxReply);
type ReadReply = Extract<SandboxReply, { verb: "read" }>;

/** How long an agent holds an answer back while a file does not grow. */
const followWaitMs = 15_000;

/** `/cluster/tasks/{id}/stdout`, `/stderr` and `/files/…`: read by range, or followed until the task ends. */
export function taskFileRoutes(app: FastifyInstance, { bus, subjects, tasks }: Parts): void {
  const Query = Type.Object(
    {
      follow: Type.Boolean({
        default: false,
        description: "stay and send what is written, until the task ends",
      }),
      tail: Type.Optional(Type.Integer({ minimum: 0, description: "begin so many bytes before the end" })),
    },
    { additionalProperties: false },
  );

  const agentOf = async (task: string): Promise<string> => {
    const found = await tasks.find(task);
    if (found === undefined)
      throw new Refused({ code: "not-found", message: `no agent that answers has a task ${task}` });
    return found.agent;
  };

  const ask = async (agent: string, asked: SandboxRequest): Promise<Exclude<SandboxReply, { ok: false }>> => {
    const answer = await bus.request(
      subjects.sandbox(agent, "gateway"),
      request.encode(asked),
      followWaitMs + 5000,
    );
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
  };

  const read = async (
    agent: string,
    task: string,
    path: string,
    offset: number,
    length: number,
    waitMs = 0,
  ): Promise<ReadReply> =>
    (await ask(agent, {
      verb: "read",
      task,
      path,
      offset,
      length: Math.min(length, sandboxReadMax),
      waitMs,
    })) as ReadReply;

  /** From `first`, the piece that was read already, up to `end` (exclusive; undefined: what there is, or with follow what there will be). */
  async function* pieces(
    agent: string,
    task: string,
    path: string,
    first: ReadReply,
    end: number | undefined,
    follow: boolean,
  ) {
    let piece = first;
    for (let offset = first.offset; ;) {
      const bytes = Buffer.from(piece.base64, "base64");
      if (bytes.length > 0) yield bytes;
      offset += bytes.length;
      const goal = end ?? (follow && !piece.ended ? Number.POSITIVE_INFINITY : piece.size);
      if (offset >= goal) return;
      if (bytes.length === 0 && !follow) return;
      piece = await read(
        agent,
        task,
        path,
        offset,
        Math.min(goal - offset, sandboxReadMax),
        follow ? followWaitMs : 0,
      );
    }
  }

  const send = async (
    answer: FastifyReply,
    task: string,
    path: string,
    query: { follow: boolean; tail?: number },
    rangeHeader: string | undefined,
  ) => {
    const agent = await agentOf(task);
    const range = query.follow ? undefined : parsedRange(rangeHeader);
    const start = range?.start ?? (query.tail === undefined ? 0 : -query.tail);
    const wanted = range?.end === undefined ? sandboxReadMax : range.end - (range.start ?? 0) + 1;
    const first = await read(
      agent,
      task,
      path,
      start === 0 && query.tail === 0 ? Number.MAX_SAFE_INTEGER : start,
      wanted,
    );
    void answer
      .header("content-type", "text/plain; charset=utf-8")
      .header("accept-ranges", "bytes")
      .header("x-content-type-options", "nosniff");
    if (range !== undefined && first.size > 0) {
      if (first.offset >= first.size) {
        void answer.header("content-range", `bytes */${first.size}`);
        throw new Refused(
          { code: "invalid", message: `the range begins after the end of the file (${first.size} bytes)` },
          416,
        );
      }
      const end = Math.min(range.end === undefined ? first.size : range.end + 1, first.size);
      void answer
        .code(206)
        .header("content-range", `bytes ${first.offset}-${end - 1}/${first.size}`)
        .header("content-length", end - first.offset);
      return answer.send(Readable.from(pieces(agent, task, path, first, end, false), { objectMode: false }));
    }
    return answer.send(
      Readable.from(pieces(agent, task, path, first, query.follow ? undefined : first.size, query.follow), {
        objectMode: false,
      }),
    );
  };

  for (const file of ["stdout", "stderr"] as const)
    app.get<{ Params: { task: string }; Querystring: { follow: boolean; tail?: number } }>(
      `/cluster/tasks/:task/${file}`,
      {
        schema: {
          tags: ["cluster"],
          summary: `A task's ${file}; takes a Range of bytes`,
          querystring: Query,
        },
      },
      async ({ params, query, headers }, answer) => send(answer, params.task, file, query, headers.range),
    );

  app.get<{ Params: { task: string; "*": string }; Querystring: { follow: boolean; tail?: number } }>(
    "/cluster/tasks/:task/files/*",
    {
      schema: {
        tags: ["cluster"],
        summary: "A file of a task's sandbox, or the list of a directory when the path ends in /",
        querystring: Query,
      },
    },
    async ({ params, query, headers }, answer) => {
      const path = params["*"];
      if (path !== "" && !path.endsWith("/")) return send(answer, params.task, path, query, headers.range);
      return ask(await agentOf(params.task), {
        verb: "list",
        task: params.task,
        path: path.replace(/\/$/, "") || ".",
      });
    },
  );
}

/** `bytes=100-199`, `bytes=100-`, `bytes=-100`; several ranges are answered with the whole, as RFC 9110 allows. */
export function parsedRange(
  header: string | undefined,
): { readonly start: number; readonly end?: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") return { start: -Number(match[2]) };
  return match[2] === "" ? { start: Number(match[1]) } : { start: Number(match[1]), end: Number(match[2]) };
}
