import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import type { Log } from "#libs/ports/log.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { askInfo, type EngineInfo } from "./engine.js";
import { wordsOf } from "./failure.js";
import { lines } from "./lines.js";
import { type Own, taskLabel } from "./own.js";

export interface WatchOptions {
  readonly docker: Docker;
  readonly dockerHost: string;
  readonly own: Own;
  readonly log: Log;
  /** There is something whose end we want to hear of: without a connection, try to get one. */
  readonly isNeeded: () => boolean;
  readonly died: (task: string | undefined) => void;
  /** All our containers, each time that we have a new connection. */
  readonly found: (containers: readonly Docker.ContainerInfo[]) => void;
}

/** Between attempts to reach an engine that is away. */
const retryFirstMs = 100;
const retryMostMs = 2000;

/**
 * Hears when containers end: one stream of events for all of them, so that what is idle costs no connection. Ends that happen
 * while there is no stream, or fall between two, show in the list that is asked for as soon as a stream is there.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #closing = new AbortController();
  #connecting: Promise<Result<EngineInfo, string>> | undefined;
  #connected: EngineInfo | undefined;
  #body: Readable | undefined;
  #life = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Grows with each new connection. */
  get life(): number {
    return this.#life;
  }

  /** Done when ends are heard. Failure in words when the engine does not answer. */
  async ready(): Promise<Result<EngineInfo, string>> {
    if (this.#connected !== undefined) return ok(this.#connected);
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** As `ready`, but tries again for so long. */
  async readyWithin(ms: number): Promise<Result<EngineInfo, string>> {
    const giveUpAt = performance.now() + ms;
    for (let waitMs = retryFirstMs; ; waitMs = Math.min(2 * waitMs, retryMostMs)) {
      const ready = await this.ready();
      if (ready.ok || this.#isClosed || performance.now() + waitMs > giveUpAt) return ready;
      await this.#pause(waitMs);
    }
  }

  close(): void {
    this.#closing.abort();
    this.#body?.destroy();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #connect(): Promise<Result<EngineInfo, string>> {
    const { docker, dockerHost, own, found } = this.#options;
    const info = await askInfo(docker, dockerHost);
    if (!info.ok) return info;
    try {
      const filters = { type: ["container"], event: ["die"], label: own.filter };
      // The engine answers before it begins to collect events: `since` brings those of the moment between.
      const body = (await docker.getEvents({
        filters: JSON.stringify(filters),
        since: seconds(info.value) as unknown as number,
      })) as Readable;
      if (this.#isClosed) {
        body.destroy();
        return fail("closed");
      }
      this.#life++;
      this.#connected = info.value;
      this.#body = body;
      void this.#read(body);
      found(await own.list());
      return info;
    } catch (cause) {
      this.#connected = undefined;
      this.#body?.destroy();
      return fail(`the Docker engine at ${dockerHost} does not tell what runs: ${wordsOf(cause)}`);
    }
  }

  async #read(body: Readable): Promise<void> {
    try {
      for await (const line of lines(body)) this.#heard(line);
    } catch {
      // It broke: the list that follows the next connection tells what was missed.
    }
    if (this.#body === body) this.#connected = undefined;
    if (this.#isClosed || !this.#options.isNeeded()) return;
    this.#options.log.warn("the Docker engine does not answer", { engine: this.#options.dockerHost });
    await this.#connecting;
    await this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    for (let waitMs = retryFirstMs; !this.#isClosed && this.#options.isNeeded();) {
      if ((await this.ready()).ok) return this.#options.log.info("the Docker engine answers again");
      await this.#pause(waitMs);
      waitMs = Math.min(2 * waitMs, retryMostMs);
    }
  }

  #heard(line: string): void {
    const { Action, Actor } = JSON.parse(line) as {
      Action?: string;
      Actor?: { Attributes?: Record<string, string> };
    };
    if (Action === "die") this.#options.died(Actor?.Attributes?.[taskLabel]);
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}

/** As `since` takes it: seconds with a fraction of nanoseconds. */
function seconds({ SystemTime }: EngineInfo): string {
  const whole = Math.floor(Date.parse(SystemTime) / 1000);
  return `${whole}.${(/\.(\d+)/.exec(SystemTime)?.[1] ?? "0").padEnd(9, "0").slice(0, 9)}`;
}
