import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  connect,
  type ConnectionOptions,
  Events,
  jwtAuthenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NatsError,
} from "nats";
import { BehaviorSubject, type Observable } from "rxjs";
import type { BusFailure, Connection } from "#libs/ports/bus.js";
import type { Cancel } from "#libs/ports/clock.js";
import type { Log } from "#libs/ports/log.js";
import type { Credentials } from "./auth/credentials.js";

export interface NatsOptions {
  /** One or more URLs, separated by commas: `nats://[user:password@]host:port`, or `tls://…`. */
  readonly url: string;
  /** In place of those in the URL. */
  readonly credentials?: Pick<Credentials, "token" | "seed">;
  /** With it the connection is encrypted, whatever the URL says. PEM texts; the system's authorities count unless `ca` is given. */
  readonly tls?: TlsTexts;
  /** Shown by the server in its list of connections. */
  readonly name: string;
  /** Before all inboxes of this principal, so that the server can grant them to it alone: `_INBOX.<name>`. */
  readonly inboxPrefix?: string;
  readonly log: Log;
}

const retryMs = 250;
/** So often it is said that there is no server yet, and why. */
const waitSaidMs = 3000;

export interface TlsTexts {
  readonly ca?: string;
  /** Of this client, where the server asks for one; with `key`. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The one connection of a process, with the guards that the client needs: a callback that throws would stop all reading;
 * what is published while disconnected would be kept for a server that never sees it. Keeps trying to connect for ever.
 */
export class NatsLink {
  readonly nc: NatsConnection;
  readonly log: Log;
  readonly #inboxPrefix: string;
  readonly #connection: BehaviorSubject<Connection>;

  private constructor(nc: NatsConnection, inboxPrefix: string, log: Log) {
    this.nc = nc;
    this.log = log;
    this.#inboxPrefix = inboxPrefix;
    this.#connection = new BehaviorSubject<Connection>({ state: "connected", server: nc.getServer() });
    void this.#follow();
    void nc.closed().then((error) => this.#closed(error));
  }

  /** Done when the first connection stands; the server may come late. Throws for credentials that the server refuses. */
  static async open({
    url,
    name,
    credentials,
    tls,
    inboxPrefix = "_INBOX",
    log,
  }: NatsOptions): Promise<NatsLink> {
    const { servers, ...inUrl } = parsed(url);
    const options: ConnectionOptions = {
      ...inUrl,
      ...(credentials && { authenticator: jwtAuthenticator(credentials.token, credentials.seed) }),
      ...(tls && { tls: { ...tls } }),
      servers,
      name,
      inboxPrefix,
      // Stack traces of every request halve the rate of requests.
      noAsyncTraces: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: retryMs,
      timeout: 5000,
      pingInterval: 5000,
      maxPingOut: 2,
    };
    for (let saidAt = performance.now(); ; await sleep(retryMs)) {
      try {
        return new NatsLink(await connect(options), inboxPrefix, log);
      } catch (cause) {
        if (cause instanceof NatsError && cause.isAuthError()) throw cause;
        if (performance.now() - saidAt < waitSaidMs) continue;
        saidAt = performance.now();
        const hint = "is nats-server running there?";
        log.warn("waiting for NATS", { servers, cause: (cause as Error).message, hint });
      }
    }
  }

  get connection(): Observable<Connection> {
    return this.#connection;
  }

  get isConnected(): boolean {
    return this.#connection.value.state === "connected" && !this.nc.isClosed();
  }

  /** Largest message that the server takes, headers included, in bytes. */
  get payloadMax(): number {
    return this.nc.info?.max_payload ?? 1_048_576;
  }

  /**
   * A subject on which only this process listens. Nobody can guess it from others: whoever answers one request must not be
   * able to answer another.
   */
  inbox(): string {
    return `${this.#inboxPrefix}.${randomBytes(16).toString("base64url")}`;
  }

  /** Why it was not sent; undefined when it was handed to the connection. */
  publish(
    subject: string,
    bytes: Uint8Array,
    options: { readonly reply?: string; readonly headers?: MsgHdrs } = {},
  ): BusFailure | undefined {
    if (!this.isConnected) return "disconnected";
    try {
      this.nc.publish(subject, bytes, options);
      return undefined;
    } catch (cause) {
      if ((cause as NatsError).code === "MAX_PAYLOAD_EXCEEDED") return "too-large";
      if (this.nc.isClosed() || this.nc.isDraining()) return "disconnected";
      throw cause;
    }
  }

  /** Calls for each message until it is cancelled, over all reconnects. */
  subscribe(subject: string, call: (message: Msg) => void): Cancel {
    if (this.nc.isClosed() || this.nc.isDraining()) return () => undefined;
    const subscription = this.nc.subscribe(subject, {
      callback: (ended, message) => {
        if (ended) return this.log.error("the server ended a subscription", { subject, error: ended });
        try {
          call(message);
        } catch (error) {
          this.log.error("handling a message threw", { subject: message.subject, error });
        }
      },
    });
    return () => {
      if (!this.nc.isClosed()) subscription.unsubscribe();
    };
  }

  /** Sends what is still to be sent, then ends. Safe to repeat. */
  async close(): Promise<void> {
    if (!this.nc.isClosed() && this.isConnected && !this.nc.isDraining())
      await this.nc.drain().catch(() => undefined);
    await this.nc.close();
  }

  #closed(error: Error | void): void {
    if (error) this.log.error("the connection to NATS is closed for good", { error });
    this.#connection.next({ state: "disconnected" });
  }

  async #follow(): Promise<void> {
    for await (const { type, data, permissionContext } of this.nc.status()) {
      if (type === Events.Disconnect) {
        this.log.warn("disconnected from NATS", { server: data });
        this.#connection.next({ state: "disconnected" });
      } else if (type === Events.Reconnect) {
        this.log.info("connected to NATS again", { server: data });
        this.#connection.next({ state: "connected", server: this.nc.getServer() });
      } else if (type === Events.Error && permissionContext !== undefined) {
        const { operation, subject } = permissionContext;
        this.log.error("the NATS server does not let us", { operation, subject });
      } else if (type === Events.Error) this.log.error("NATS says", { error: data });
    }
  }
}

/** The client does not take credentials out of URLs. They never come into logs either. */
function parsed(
  url: string,
): { servers: string[] } & Pick<ConnectionOptions, "user" | "pass" | "token" | "tls"> {
  const urls = url
    .split(",")
    .map((each) => new URL(each.includes("://") ? each.trim() : `nats://${each.trim()}`));
  const { username, password } = urls.find((each) => each.username !== "") ?? { username: "", password: "" };
  const servers = urls.map((each) => `${each.hostname}:${each.port || "4222"}`);
  const tls = urls.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {};
  if (username === "") return { servers, ...tls };
  const user = decodeURIComponent(username);
  return password === ""
    ? { servers, ...tls, token: user }
    : { servers, ...tls, user, pass: decodeURIComponent(password) };
}
