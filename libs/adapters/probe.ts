import { request } from "node:http";
import { connect } from "node:net";
import type { Probe, ProbeResult } from "#libs/ports/probe.js";

/** Looks from this host, each time over a connection of its own: one that was kept would hide that nobody takes new ones. */
export class HostProbe implements Probe {
  async http(url: string, timeoutMs: number): Promise<ProbeResult> {
    if (!URL.canParse(url) || new URL(url).protocol !== "http:")
      return { healthy: false, message: `${url}: expected a URL with http` };
    return within(url, timeoutMs, (settle) => {
      const asked = request(url, { agent: false, headers: { "user-agent": "emporion-health-check" } });
      asked.on("response", ({ statusCode = 0 }) => settle(isFine(statusCode), `status ${statusCode}`));
      asked.on("error", (cause) => settle(false, wordsOf(cause)));
      asked.end();
      return () => asked.destroy();
    });
  }

  async tcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
    return within(`${host}:${port}`, timeoutMs, (settle) => {
      const socket = connect({ host, port });
      socket.on("connect", () => settle(true, "connected"));
      socket.on("error", (cause) => settle(false, wordsOf(cause)));
      return () => socket.destroy();
    });
  }
}

const isFine = (status: number): boolean => status >= 200 && status <= 399;

/** The first word counts; then whatever was begun is ended. */
function within(
  where: string,
  timeoutMs: number,
  begin: (settle: (healthy: boolean, words: string) => void) => () => void,
): Promise<ProbeResult> {
  return new Promise((done) => {
    const settle = (healthy: boolean, words: string) => {
      clearTimeout(timer);
      done({ healthy, message: `${where}: ${words}` });
      end();
    };
    const timer = setTimeout(() => settle(false, `no answer within ${timeoutMs} ms`), timeoutMs);
    const end = begin(settle);
  });
}

/** Several addresses of one name fail together, each in words of its own. */
function wordsOf(cause: Error): string {
  const [first] = cause instanceof AggregateError ? (cause.errors as Error[]) : [];
  return (first ?? cause).message;
}
