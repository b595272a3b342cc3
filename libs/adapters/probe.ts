import { request } from "node:http";
import { connect } from "node:net";
import type { Probe, ProbeResult } from "#libs/ports/probe.js";

/** Each look is a connection of its own: a kept one would hide that nobody takes new ones. */
export class HostProbe implements Probe {
  http(url: string, timeoutMs: number): Promise<ProbeResult> {
    return within(timeoutMs, (signal, done) => {
      request(
        url,
        { signal, agent: false, headers: { "user-agent": "emporion-health-check" } },
        (response) => {
          const status = response.statusCode ?? 0;
          response.destroy();
          done({ healthy: status >= 200 && status < 400, message: `HTTP ${status} from ${url}` });
        },
      )
        .on("error", (cause) => done({ healthy: false, message: `${url}: ${cause.message}` }))
        .end();
    });
  }

  tcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
    return within(timeoutMs, (signal, done) => {
      const socket = connect({ host, port, signal } as Parameters<typeof connect>[0]);
      socket.once("connect", () => {
        socket.destroy();
        done({ healthy: true, message: `connected to ${host}:${port}` });
      });
      socket.on("error", (cause) => done({ healthy: false, message: `${host}:${port}: ${cause.message}` }));
    });
  }
}

/** The first word counts; what fails because its time was over says so. */
function within(
  timeoutMs: number,
  look: (signal: AbortSignal, done: (result: ProbeResult) => void) => void,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      resolve({ healthy: false, message: `no answer within ${timeoutMs} ms` });
      abort.abort();
    }, timeoutMs);
    look(abort.signal, (result) => {
      clearTimeout(timer);
      resolve(result);
    });
  });
}
