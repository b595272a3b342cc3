import type { Message } from "#libs/ports/bus.js";
import type { Answer, Reply } from "./events.js";

/** Requests that wait for their answers, under the numbers by which the machine knows them. */
export class Replies {
  readonly #waiting = new Map<Reply, Message>();
  #last = 0;

  wait(message: Message): Reply {
    this.#waiting.set(++this.#last, message);
    return this.#last;
  }

  answer(reply: Reply, answer: Answer): void {
    this.#waiting.get(reply)?.respond(new TextEncoder().encode(JSON.stringify(answer)));
    this.#waiting.delete(reply);
  }

  drop(reply: Reply): void {
    this.#waiting.delete(reply);
  }
}
