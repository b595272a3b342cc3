import type { Clock } from "#libs/ports/clock.js";
import type { Probe, ProbeResult } from "#libs/ports/probe.js";

/** What listens on a port: it answers every path with a status, or takes connections and says nothing. */
export type Listener = { readonly status: (path: string) => number } | "silent";

/** Looks at ports of a world in memory. Nobody listens on a port until somebody does. */
export class SimProbe implements Probe {
  readonly #clock: Clock;
  readonly #listeners = new Map<string, Listener>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the place of who listened there before. Returns how to stop, which leaves a later listener alone. */
  listen(host: string, port: number, listener: Listener): () => void {
    const address = `${host}:${port}`;
    this.#listeners.set(address, listener);
    return () => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    };
  }

  async http(url: string, timeoutMs: number): Promise<ProbeResult> {
    if (!URL.canParse(url) || new URL(url).protocol !== "http:")
      return { healthy: false, message: `${url}: expected a URL with http` };
    const { hostname, port, pathname } = new URL(url);
    const address = `${hostname}:${port === "" ? 80 : port}`;
    const listener = this.#listeners.get(address);
    if (listener === undefined) return refused(url, address);
    if (listener === "silent") return this.#late(url, timeoutMs);
    const status = listener.status(pathname);
    return { healthy: status >= 200 && status <= 399, message: `${url}: status ${status}` };
  }

  async tcp(host: string, port: number): Promise<ProbeResult> {
    const address = `${host}:${port}`;
    return this.#listeners.has(address)
      ? { healthy: true, message: `${address}: connected` }
      : refused(address, address);
  }

  #late(url: string, timeoutMs: number): Promise<ProbeResult> {
    const late: ProbeResult = { healthy: false, message: `${url}: no answer within ${timeoutMs} ms` };
    return new Promise((done) => void this.#clock.after(timeoutMs, () => done(late)));
  }
}

const refused = (what: string, address: string): ProbeResult => ({
  healthy: false,
  message: `${what}: connect ECONNREFUSED ${address}`,
});
