import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import { type Refusal, refusal } from "#protocol/errors.js";
import { appRoutes } from "./app-routes.js";
import { Refused } from "./answer.js";
import { clusterRoutes } from "./cluster-routes.js";
import { type DoorOptions, guard, guardOf } from "./door.js";
import { eventRoute } from "./event-route.js";
import { jobRoutes } from "./job-routes.js";
import { metricsRoute } from "./metrics.js";
import { describe } from "./openapi.js";
import type { Parts } from "./parts.js";
import { taskFileRoutes } from "./task-files.js";
import { taskRoutes } from "./task-routes.js";
import { checkWithSchemas } from "./validation.js";

/** Bytes. */
const bodyMost = 1 << 20;

/** The HTTP door, not yet listening. */
export async function server(parts: Parts, door: DoorOptions): Promise<FastifyInstance> {
  const check = guardOf(door);
  const app = fastify({
    // For what no route can be found for no hook is called either: a path that is not well encoded.
    frameworkErrors: (error, request, answer) => {
      const refused = refusalOf(() => check(request, undefined)) ?? refusedOf(error);
      (answer as FastifyReply).header("x-emporion", "gateway").code(refused.status).send(refused.body);
    },
    bodyLimit: bodyMost,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
  });

  app.setErrorHandler<FastifyError | Refused>((error, request, answer) => {
    const refused = refusedOf(error);
    if (refused.status >= 500 && !(error instanceof Refused))
      parts.log.error("a request failed", {
        method: request.method,
        route: request.routeOptions.url,
        cause: error.stack,
      });
    return answer.code(refused.status).send(refused.body);
  });
  app.setNotFoundHandler(({ method, url }) => {
    throw new Refused({
      code: "not-found",
      message: `there is no ${method} ${url.split("?")[0]}; see /docs for what there is`,
    });
  });
  // So that a client can tell us from whoever else answers at an address; also where an answer is streamed.
  app.addHook("onRequest", async (_, answer) => void answer.raw.setHeader("x-emporion", "gateway"));
  acceptEmptyJson(app);
  checkWithSchemas(app);
  guard(app, check);
  await describe(app);

  app.get("/ping", { schema: { tags: ["operation"], summary: "pong" } }, (_, answer) =>
    answer.header("content-type", "text/plain").send("pong"),
  );
  metricsRoute(app, parts);
  clusterRoutes(app, parts);
  taskRoutes(app, parts);
  taskFileRoutes(app, parts);
  eventRoute(app, parts);
  appRoutes(app, parts);
  jobRoutes(app, parts);
  return app;
}

/** Metronome's clients start runs with a JSON content type and no body. */
function acceptEmptyJson(app: FastifyInstance): void {
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_, text, done) => {
    if (text === "") return done(null, undefined);
    try {
      done(null, JSON.parse(text as string));
    } catch (cause) {
      done(new Refused(notJson(text as string, (cause as Error).message), 400));
    }
  });
}

/** V8 names the place by a count of characters, or shows what stands there; an editor wants lines. */
export function notJson(text: string, message: string): Refusal {
  const position =
    /at position (\d+)/.exec(message)?.[1] ?? (/end of JSON/.test(message) ? text.length : undefined);
  const before = position === undefined ? undefined : text.slice(0, Number(position)).split("\n");
  const where = before && `line ${before.length}, column ${before.at(-1)!.length + 1}`;
  const fault = message.replace(/ in JSON at position \d+.*$/, "").replace(/ \(line \d+.*\)$/, "");
  const at = where === undefined ? "" : ` at ${where}`;
  return refusal("invalid", `the body is not JSON: ${fault}${at}`, [
    { path: "", expected: "JSON", found: `${shownAt(text, Number(position ?? 0))}${at}` },
  ]);
}

/** What stands there, to the end of its line at most. */
function shownAt(text: string, position: number): string {
  const [rest = ""] = text.slice(position).split("\n");
  if (text.slice(position).trim() === "") return "the end";
  return rest.length > 20 ? `${JSON.stringify(rest.slice(0, 20))}…` : JSON.stringify(rest);
}

function refusalOf(check: () => void): Refused | undefined {
  try {
    check();
    return undefined;
  } catch (cause) {
    if (cause instanceof Refused) return cause;
    throw cause;
  }
}

function refusedOf(error: FastifyError | Refused): Refused {
  if (error instanceof Refused) return error;
  const status = error.statusCode ?? 500;
  if (status >= 500)
    return new Refused({
      code: "internal",
      message: "something went wrong here; the gateway's log says what",
    });
  const message =
    status === 413 ? `the body is larger than the ${bodyMost / 1024} KiB that are taken` : error.message;
  return new Refused({ code: "invalid", message }, status);
}
