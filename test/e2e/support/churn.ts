import type { Api } from "./api.js";
import { eventually } from "#test/support/eventually.js";
import { sleeper } from "./work.js";

/** An app that is scaled up and down all the time, whatever becomes of the cluster meanwhile. */
export class Churn {
  readonly #api: Api;
  readonly #id: string;
  #instances = 1;
  #isStopped = false;
  #loop: Promise<void> | undefined;

  constructor(api: Api, id: string) {
    this.#api = api;
    this.#id = id;
  }

  async start(): Promise<void> {
    await this.#api.deploy(sleeper(this.#id, this.#instances));
    this.#loop = this.#run();
  }

  /** How many instances there are once all that was asked for has been done. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#loop;
    return this.#instances;
  }

  /** What the last answer said is what there has to be: a scaling without an answer is asked for again. */
  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const next = (this.#instances % 5) + 1;
      await eventually(`the app to be scaled to ${next}`, () => this.#scale(next), 60_000);
      this.#instances = next;
      await this.#api.settled(this.#id, 2000).catch(() => {});
    }
  }

  async #scale(instances: number): Promise<boolean> {
    const answer = await this.#api
      .send("PUT", `/v2/apps${this.#id}`, { instances })
      .catch(() => ({ status: 0 }));
    return answer.status === 200;
  }
}
