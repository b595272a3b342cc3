import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refused } from "./answer.js";

export interface DoorOptions {
  /** Asked of every request but those for `/ping` and the manual as `Authorization: Bearer <token>`; none: the gateway listens on loopback only. */
  readonly token?: string;
  /** Host names, besides those of loopback, under which the gateway may be addressed. */
  readonly hosts: readonly string[];
}

/** @throws Refused when the request is not to be taken */
export type Guard = (request: FastifyRequest, route: string | undefined) => void;

/**
 * A deploy is a shell on every host, so a page in somebody's browser must not be able to send one: requests are taken only
 * under our own host names (a foreign name that was made to resolve to loopback is none of them), from pages of our own
 * origin, and with a JSON body (which a cross-site form cannot send).
 */
export function guardOf({ token, hosts }: DoorOptions): Guard {
  const known = new Set(["localhost", "127.0.0.1", "[::1]", ...hosts.map((host) => host.toLowerCase())]);
  return (request, route) => {
    checkHost(request, known);
    checkOrigin(request);
    if (token !== undefined && !isOpen(route)) checkToken(request, token);
  };
}

export function guard(app: FastifyInstance, check: Guard): void {
  app.addHook("onRequest", async (request) => {
    check(request, request.routeOptions.url);
  });
  app.addHook("preParsing", async (request) => {
    checkContentType(request);
  });
}

/** What tells nothing about the cluster: a browser can read the manual without a token. */
const isOpen = (url: string | undefined): boolean =>
  url === "/ping" || url === "/openapi.json" || url?.startsWith("/docs") === true;

function checkHost(request: FastifyRequest, known: ReadonlySet<string>): void {
  const name = (request.headers.host ?? "").toLowerCase().replace(/:\d+$/, "");
  if (!known.has(name)) {
    const message = `the gateway is not known as ${JSON.stringify(name)}; use ${[...known].join(", ")}, or add the name to EMPORION_GATEWAY_HOSTS`;
    throw new Refused({ code: "forbidden", message });
  }
}

function checkOrigin({ headers }: FastifyRequest): void {
  const own = [`http://${headers.host}`, `https://${headers.host}`];
  const origin = headers.origin;
  const foreign = origin !== undefined && !own.includes(origin);
  const site = headers["sec-fetch-site"];
  if (foreign || site === "cross-site" || site === "same-site")
    throw new Refused({
      code: "forbidden",
      message: `requests from pages of another origin (${origin ?? site}) are refused`,
    });
}

function checkToken(request: FastifyRequest, token: string): void {
  const given = Buffer.from(request.headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new Refused(
      { code: "forbidden", message: "a token is asked for: Authorization: Bearer <token>" },
      401,
    );
}

function checkContentType({ headers, method }: FastifyRequest): void {
  const hasBody = (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined;
  if (!hasBody || method === "GET" || method === "HEAD") return;
  const type = (headers["content-type"] ?? "none").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json")
    throw new Refused({ code: "invalid", message: `the body must be application/json, not ${type}` }, 415);
}
