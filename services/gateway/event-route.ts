import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { EventBatch, eventKinds } from "#protocol/event.js";
import type { Parts } from "./parts.js";

const eventBatch = codec(EventBatch);

/** A client that has so much unread is let go: it comes back with the id of the last event it read. */
const unreadBytesMax = 1 << 20;
const heartbeatMs = 10_000;

/**
 * `/cluster/events`: what happens, as Server-Sent Events. Of those that were told together the last one has an id, the stream's
 * sequence: `Last-Event-ID` (or `?after=`) resumes behind it, and no event is missed. `after=0` is from the beginning of what is
 * kept; else only what is new.
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
            const decoded = eventBatch.decode(bytes);
            if (decoded.ok) out.write(frames(decoded.value, sequence));
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

/** What was told together, as frames of which the last has the id. */
export const frames = ({ events }: EventBatch, sequence: number): string =>
  events
    .map((event, index) => {
      const id = index === events.length - 1 ? `id: ${sequence}\n` : "";
      return `${id}event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
    })
    .join("");
