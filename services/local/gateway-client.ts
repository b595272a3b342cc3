import { StartFailure } from "./start-failure.js";

/** What the demo and the live table ask of the gateway. */
export class GatewayClient {
  readonly url: string;

  constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Undefined while the gateway, or who it asks, does not answer yet. */
  async get<T>(path: string): Promise<T | undefined> {
    const response = await this.#fetch("GET", path);
    return response?.ok === true ? ((await response.json()) as T) : undefined;
  }

  async text(path: string): Promise<string | undefined> {
    const response = await this.#fetch("GET", path);
    return response?.ok === true ? response.text() : undefined;
  }

  /** @returns the status; 0 when nobody answers. @throws StartFailure when the cluster refuses, but for a conflict */
  async send(
    method: "POST" | "PUT",
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await this.#fetch(method, path, body);
    if (response === undefined) return { status: 0, body: undefined };
    const text = await response.text();
    if (response.status >= 400 && response.status < 500 && response.status !== 409)
      throw new StartFailure(`${method} ${path} was refused: ${text}`);
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Has the cluster give up an agent that has ended for good, and forget its id. */
  async giveUpAgent(agent: string): Promise<boolean> {
    const path = `/cluster/agents/${agent}?force=true`;
    const given = await this.#fetch("DELETE", path);
    // Removed once it is gone, and would be refused if a later start had it again; removed twice it is forgotten.
    if (given?.ok === true) await this.#fetch("DELETE", path);
    return given !== undefined && given.status < 500;
  }

  async #fetch(method: string, path: string, body?: unknown): Promise<Response | undefined> {
    const sent =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    try {
      return await fetch(`${this.url}${path}`, { method, ...sent, signal: AbortSignal.timeout(10_000) });
    } catch {
      return undefined;
    }
  }
}
