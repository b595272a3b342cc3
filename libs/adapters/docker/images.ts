import type Docker from "dockerode";
import type { LaunchFailure } from "#libs/core/launch.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { isUnreachable, wordsOf } from "./failure.js";
import { lines } from "./lines.js";
import { type RegistryLogin, readLogins } from "./logins.js";

export interface ImagesOptions {
  readonly docker: Docker;
  /** A `config.json` as `docker login` writes it; read at each pull, since some logins last for hours only. */
  readonly loginsFile?: string;
  /** A pull that makes no progress for so long is given up: 120,000 ms unless given. */
  readonly pullIdleMs?: number;
}

/** Brings images to the engine. Whoever wants an image that is being pulled waits for that pull. */
export class Images {
  readonly #options: ImagesOptions;
  readonly #pulls = new Map<string, Promise<Result<void, LaunchFailure>>>();

  constructor(options: ImagesOptions) {
    this.#options = options;
  }

  pull(image: string): Promise<Result<void, LaunchFailure>> {
    const underWay = this.#pulls.get(image);
    if (underWay !== undefined) return underWay;
    const pull = this.#pull(image).finally(() => this.#pulls.delete(image));
    this.#pulls.set(image, pull);
    return pull;
  }

  async #pull(image: string): Promise<Result<void, LaunchFailure>> {
    if (/^(sha256:)?[0-9a-f]{64}$/.test(image))
      return missing(image, "an image named by its id is in no registry");
    const { docker, pullIdleMs = 120_000 } = this.#options;
    const found = this.#loginFor(registryOf(image));
    if (!found.ok) return missing(image, found.error);
    const login = found.value;
    const idle = new Idle(pullIdleMs);
    try {
      const progress = await docker.pull(image, {
        abortSignal: idle.signal,
        ...(login && { authconfig: { ...login, serveraddress: registryOf(image) } }),
      });
      for await (const line of lines(progress as AsyncIterable<Uint8Array>)) {
        idle.postpone();
        const { error } = JSON.parse(line) as { error?: string };
        if (error !== undefined) return missing(image, error);
      }
      return ok(undefined);
    } catch (cause) {
      if (idle.signal.aborted) return missing(image, `no progress for ${pullIdleMs} ms`);
      if (!isUnreachable(cause)) return missing(image, wordsOf(cause));
      const message = `image ${image} could not be pulled: the Docker engine does not answer: ${wordsOf(cause)}`;
      return fail({ reason: "executor-unavailable", message });
    } finally {
      idle.end();
    }
  }

  #loginFor(registry: string): Result<RegistryLogin | undefined, string> {
    const { loginsFile } = this.#options;
    if (loginsFile === undefined) return ok(undefined);
    const logins = readLogins(loginsFile);
    return logins.ok ? ok(logins.value.get(registry)) : logins;
  }
}

const missing = (image: string, why: string): Result<never, LaunchFailure> =>
  fail({ reason: "image-missing", message: `image ${image} is not here and cannot be pulled: ${why}` });

/** The part before the first slash, if it can be a host's name; the rule is Docker's own. */
export function registryOf(image: string): string {
  const first = image.split("/")[0]!;
  const isHost = image.includes("/") && (/[.:]/.test(first) || first === "localhost");
  return isHost ? first : "docker.io";
}

/** Aborts when nobody postpones it for so long. */
class Idle {
  readonly #ms: number;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.#ms = ms;
    this.#timer = this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  postpone(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #arm(): NodeJS.Timeout {
    return setTimeout(() => this.#controller.abort(), this.#ms);
  }
}
