// Is a server already there? Each probe answers { ok: true, … } or { ok: false, reason } within its limit, and never throws.
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";

const LIMIT_MS = 2000;

/** Reads the line with which a NATS server greets everybody, before any credentials. */
export function probeNats(url) {
  let address;
  try {
    address = new URL(url.includes("://") ? url : `nats://${url}`);
  } catch {
    return Promise.resolve({ ok: false, reason: "is not an address like nats://127.0.0.1:4222" });
  }
  return new Promise((resolve) => {
    const socket = connect({ host: address.hostname, port: Number(address.port || 4222) });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    let text = "";
    socket.setTimeout(LIMIT_MS, () => end({ ok: false, reason: `did not greet within ${LIMIT_MS} ms` }));
    socket.on("error", (error) => end({ ok: false, reason: error.message || error.code }));
    socket.on("close", () => end({ ok: false, reason: "closed the connection without a greeting" }));
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) end(parseGreeting(text.slice(0, text.indexOf("\n"))));
      else if (text.length > 65_536) end({ ok: false, reason: "does not speak NATS" });
    });
  });
}

/** "INFO {…}" → its version and whether JetStream is on. */
export function parseGreeting(line) {
  try {
    if (!line.startsWith("INFO ")) throw new Error("no INFO");
    const info = JSON.parse(line.slice(5));
    return { ok: true, version: String(info.version), jetstream: info.jetstream === true };
  } catch {
    return { ok: false, reason: "does not speak NATS" };
  }
}

/** `address` as in CONSUL_HTTP_ADDR: host:port or a URL. */
export async function probeConsul(address, token) {
  const base = address.includes("://") ? address : `http://${address}`;
  if (!/^https?:\/\//.test(base)) return { ok: false, reason: "is neither host:port nor an http(s) URL" };
  const headers = token === undefined ? {} : { "X-Consul-Token": token };
  const answer = await get({ url: new URL("/v1/agent/self", base), headers });
  if (answer.error !== undefined) return { ok: false, reason: answer.error };
  if (answer.status !== 200) return { ok: false, reason: `answered /v1/agent/self with ${answer.status}` };
  try {
    return { ok: true, version: String(JSON.parse(answer.body).Config.Version), url: base };
  } catch {
    return { ok: false, reason: "is not Consul: /v1/agent/self has no Config.Version" };
  }
}

/** GET /_ping over a unix socket. */
export async function probeDocker(socketPath, limitMs = LIMIT_MS) {
  const answer = await get({ socketPath, path: "/version", limitMs });
  if (answer.error !== undefined) return { ok: false, reason: answer.error };
  if (answer.status !== 200) return { ok: false, reason: `answered /version with ${answer.status}` };
  const ping = await get({ socketPath, path: "/_ping", limitMs });
  if (ping.status !== 200) return { ok: false, reason: `answered /_ping with ${ping.error ?? ping.status}` };
  try {
    return { ok: true, version: String(JSON.parse(answer.body).Version) };
  } catch {
    return { ok: false, reason: "is not a Docker engine" };
  }
}

function get({ url, socketPath, path, headers = {}, limitMs = LIMIT_MS }) {
  const request = url?.protocol === "https:" ? httpsRequest : httpRequest;
  const target = url === undefined ? { socketPath, path, headers } : { ...urlParts(url), headers };
  return new Promise((resolve) => {
    const outgoing = request({ ...target, agent: false, timeout: limitMs }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (chunk) => (body += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, body }));
      answer.on("error", (error) => resolve({ error: error.message }));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${limitMs} ms`)));
    outgoing.on("error", (error) => resolve({ error: error.message || error.code }));
    outgoing.end();
  });
}

function urlParts(url) {
  return { protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname };
}
