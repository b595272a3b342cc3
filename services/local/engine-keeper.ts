import { type Engine, startDockerEngine } from "#setup/engine.mjs";
import type { Tools } from "#setup/tools.mjs";
import type { Cancel, Clock } from "#libs/ports/clock.js";
import { isAlive } from "./processes.js";

const lookEveryMs = 1000;

/** A Docker engine that is started again when it dies; its containers go on meanwhile. One of the system is only used. */
export class EngineKeeper {
  readonly #tools: Tools;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #say: (line: string) => void;
  #engine: Engine | undefined;
  #cancel: Cancel = () => {};

  constructor(tools: Tools, dir: string, clock: Clock, say: (line: string) => void) {
    this.#tools = tools;
    this.#dir = dir;
    this.#clock = clock;
    this.#say = say;
  }

  /** The engine's socket. Rejects when it does not come up. */
  async start(): Promise<string> {
    this.#engine = await startDockerEngine({ tools: this.#tools, dir: this.#dir });
    if (this.#engine.isOurs) this.#watch();
    return this.#engine.socket;
  }

  /** Ends the engine and its containers, or lets go of both. */
  async stop({ keepContainers }: { readonly keepContainers: boolean }): Promise<void> {
    this.#cancel();
    if (!keepContainers) await this.#engine?.stop();
  }

  #watch(): void {
    this.#cancel = this.#clock.after(lookEveryMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const pid = this.#engine?.pid;
    if (pid !== undefined && !isAlive(pid)) {
      this.#say("the Docker engine has ended; starting it again");
      try {
        this.#engine = await startDockerEngine({ tools: this.#tools, dir: this.#dir });
      } catch (cause) {
        this.#say(`the Docker engine does not start: ${(cause as Error).message}`);
      }
    }
    this.#watch();
  }
}
