import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { Type } from "typebox";
import { sandboxReadMax } from "#protocol/sandbox.js";
import { Refused } from "./answer.js";
import { askedBytes, givenBytes } from "./byte-range.js";
import type { Parts } from "./parts.js";
import { SandboxReader, type TaskPath } from "./sandbox-reader.js";

interface Query {
  readonly follow: boolean;
  readonly tail?: number;
}

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

/** `/cluster/tasks/{id}/stdout`, `/stderr` and `/files/…`: read by range, or followed until the task ends. */
export function taskFileRoutes(app: FastifyInstance, parts: Parts): void {
  const reader = new SandboxReader(parts);
  const tags = ["cluster"];

  for (const file of ["stdout", "stderr"] as const)
    app.get<{ Params: { task: string }; Querystring: Query }>(
      `/cluster/tasks/:task/${file}`,
      { schema: { tags, summary: `A task's ${file}; takes a Range of bytes`, querystring: Query } },
      async ({ params, query, headers }, answer) =>
        send(answer, { reader, from: await reader.locate(params.task, file), query, range: headers.range }),
    );

  app.get<{ Params: { task: string; "*": string }; Querystring: Query }>(
    "/cluster/tasks/:task/files/*",
    {
      schema: {
        tags,
        summary: "A file of a task's sandbox, or the list of a directory when the path ends in /",
        querystring: Query,
      },
    },
    async ({ params: { task, "*": path }, query, headers }, answer) => {
      if (path === "" || path.endsWith("/"))
        return reader.list(await reader.locate(task, path.replace(/\/$/, "") || "."));
      return send(answer, { reader, from: await reader.locate(task, path), query, range: headers.range });
    },
  );
}

interface Sending {
  readonly reader: SandboxReader;
  readonly from: TaskPath;
  readonly query: Query;
  /** The header, as it came. */
  readonly range: string | undefined;
}

/** Who follows gets all that comes: a range is not looked at. */
async function send(answer: FastifyReply, { reader, from, query, range }: Sending): Promise<FastifyReply> {
  const asked = askedBytes({
    ...(range !== undefined && !query.follow && { range }),
    ...(query.tail !== undefined && { tail: query.tail }),
  });
  const length = asked.last === undefined ? sandboxReadMax : asked.last - asked.first + 1;
  const first = await reader.read(from, { offset: asked.first, length });
  const given = givenBytes(asked, first);
  void answer
    .header("content-type", "text/plain; charset=utf-8")
    .header("accept-ranges", "bytes")
    .header("x-content-type-options", "nosniff");
  if (given.kind === "beyond") {
    void answer.header("content-range", `bytes */${first.size}`);
    throw new Refused(
      { code: "invalid", message: `the range begins after the end of the file (${first.size} bytes)` },
      416,
    );
  }
  if (given.kind === "part")
    void answer
      .code(206)
      .header("content-range", `bytes ${given.start}-${given.end - 1}/${first.size}`)
      .header("content-length", given.end - given.start);
  const end = query.follow ? undefined : given.end;
  return answer.send(Readable.from(reader.pieces(from, { first, end }), { objectMode: false }));
}
