import type { Offer } from "#protocol/offer.js";
import type { Resources } from "#protocol/resources.js";
import type { TaskSpec } from "#protocol/task.js";
import { JsonRoom } from "#libs/core/json-room.js";
import { subtract } from "#libs/core/resources.js";
import type { Launch } from "./scheduler.js";

/** Well below what one accept may carry (limits.ts): what makes it full goes with it, and a large message keeps the others waiting. */
const tasksMost = 200;
const bytesMost = 60_000;

/** An offer that is being filled with tasks, for services that place many at once. */
export class OfferRoom {
  readonly offer: Offer;
  readonly tasks: TaskSpec[] = [];
  left: Resources;
  readonly #message = new JsonRoom(bytesMost);
  #isFull = false;

  constructor(offer: Offer) {
    this.offer = offer;
    this.left = offer.resources;
  }

  /** Why it takes nothing more, whatever is left of its resources. */
  get fullness(): string | undefined {
    return this.#isFull ? "the launch message is full" : undefined;
  }

  take(task: TaskSpec): void {
    this.tasks.push(task);
    this.left = subtract(this.left, task.resources);
    this.#isFull = !this.#message.takes(task) || this.tasks.length >= tasksMost;
  }
}

/** Of those into which something was put. */
export const launchesOf = (rooms: readonly OfferRoom[]): Launch[] =>
  rooms.flatMap(({ offer, tasks }) => (tasks.length === 0 ? [] : [{ offer, tasks }]));
