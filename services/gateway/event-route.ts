import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { ClusterEvent, eventKinds } from "#protocol/event.js";
import type { Parts } from "./parts.js";

const event = codec(ClusterEvent);

/** A client that has so much unread is let go: it comes back with the id of the last event it read. */
const unreadBytesMax = 1 << 20;
const heartbeatMs = 10_000;

/**
 * `/cluster/events`: what happens, as Server-Sent Events with the stream's sequence as id. `Last-Event-ID` (or `?after=`)
 * resumes behind that event; `after=0` is from the beginning of what is kept; else only what is new.
 */
export function eventRoute(app: FastifyInstance, { streams, subjects, clock }: Parts): void {
  app.get<{ Querystring: { kind?: (typeof eventKinds)[number]; after?: number } }>(
    "/cluster/events",
    {
      schema: {
        tags: ["cluster"],
        summary: "What happens, as Server-Sent Events; resumable by Last-Event-ID",
        querystring: Type.Object(
          {
            kind: Type.Optional(Type.Enum([...eventKinds])),
            after: Type.Optional(Type.Integer({ minimum: 0 })),
          },
          { additionalProperties: false },
        ),
      },
    },
    async ({ query, headers, raw }, answer) => {
      const resumed = Number.parseInt(String(headers["last-event-id"] ?? ""), 10);
      const after = Number.isNaN(resumed) ? query.after : resumed;
      const filter =
        query.kind === undefined ? subjects.eventAll : subjects.event(query.kind, "*").replace(/[^.]+$/, "*");

      answer.hijack();
      const out = answer.raw;
      out.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      out.write(": connected\n\n");

      const subscription = streams
        .read(subjects.eventStream, after === undefined ? { filter } : { after, filter })
        .subscribe({
          next({ bytes, sequence }) {
            const decoded = event.decode(bytes);
            if (decoded.ok)
              out.write(
                `id: ${sequence}\nevent: ${decoded.value.kind}\ndata: ${JSON.stringify(decoded.value)}\n\n`,
              );
            if (out.writableLength > unreadBytesMax) out.destroy();
          },
          error: () => out.destroy(),
        });
      let cancelBeat = () => {};
      const beat = () => {
        out.write(": still here\n\n");
        cancelBeat = clock.after(heartbeatMs, beat);
      };
      cancelBeat = clock.after(heartbeatMs, beat);
      out.on("close", () => {
        subscription.unsubscribe();
        cancelBeat();
      });
      raw.on("error", () => out.destroy());
    },
  );
}
