import type { Observable } from "rxjs";
import type { Result } from "#protocol/result.js";

export interface Message {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** Answers a request; does nothing for a message that is none. Safe to call once. */
  respond(bytes: Uint8Array): void;
}

/**
 * - no-responders: nobody subscribes to the subject: told at once; it was not handled.
 * - timeout: unknown whether it was handled.
 * - disconnected: we have no connection; it was not sent.
 * - too-large: the message is larger than the server takes, and it was not sent; or its answer is.
 */
export type BusFailure = "no-responders" | "timeout" | "disconnected" | "too-large";

export type Connection =
  | { readonly state: "connected"; readonly server: string }
  | { readonly state: "disconnected" };

/**
 * Messages between processes: at most once, in order from one publisher. What is published while disconnected is lost,
 * without an error: hints may be, truths are asked for again.
 */
export interface Bus {
  /** One that is larger than the server takes is dropped and logged. */
  publish(subject: string, bytes: Uint8Array): void;
  /**
   * One answer. Nobody there: told at once, nothing was done. After `timeoutMs` without an answer nobody knows whether it was done:
   * ask again only what may be done twice.
   */
  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Result<Uint8Array, BusFailure>>;
  /** All answers that come until `timeoutMs` have passed, `most` have come or the receiver returns. Nobody there: no answers, at once. */
  requestMany(
    subject: string,
    bytes: Uint8Array,
    options: { readonly timeoutMs: number; readonly most?: number },
  ): Observable<Uint8Array>;
  /** `*` stands for one token. Subscribes at the server while there is a subscriber; survives reconnects. Without end. */
  messages(subject: string): Observable<Message>;
  /** The present state first, then each change. */
  readonly connection: Observable<Connection>;
  /** Sends what is still to be sent, then ends. */
  close(): Promise<void>;
}
