import { Observable, Subject } from "rxjs";

/** A stream whose values wait while nobody listens: the first who does hears them all, in order. */
export class Backlog<T> {
  readonly #heard = new Subject<T>();
  readonly #unheard: T[] = [];

  /** Without end, until it is closed. For one listener. */
  readonly values: Observable<T> = new Observable<T>((subscriber) => {
    const subscription = this.#heard.subscribe(subscriber);
    for (const value of this.#unheard.splice(0)) subscriber.next(value);
    return subscription;
  });

  tell(value: T): void {
    if (this.#heard.observed) this.#heard.next(value);
    else this.#unheard.push(value);
  }

  close(): void {
    this.#heard.complete();
  }
}
