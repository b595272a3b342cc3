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
import { type Outgoing, Turn } from "./turn.js";

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
 * what is published while disconnected would be kept for a server that never sees it.
 *
 * It connects again by itself, each time as a new client: the client's own way leaves an attempt that took too long half open, and
 * when the server that hung ends it, drops the connection that stands by then. Keeps trying for ever.
 */
export class NatsLink {
  readonly log: Log;
  /** Settles when it is closed and will not come back, with the reason unless we closed it. */
  readonly closed: Promise<Error | void>;
  readonly #dial: Dial;
  readonly #inboxPrefix: string;
  readonly #connection: BehaviorSubject<Connection>;
  readonly #subscriptions = new Set<Subscribed>();
  #nc: NatsConnection;
  readonly #turn = new Turn((message) => this.#send(message));
  #isClosing = false;

  private constructor(nc: NatsConnection, dial: Dial, inboxPrefix: string, log: Log) {
    this.#nc = nc;
    this.log = log;
    this.#dial = dial;
    this.#inboxPrefix = inboxPrefix;
    this.#connection = new BehaviorSubject<Connection>({ state: "connected", server: nc.getServer() });
    this.closed = this.#keep();
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
    const options: ConnectionOptions = {
      ...parsed(url),
      ...(credentials && { authenticator: jwtAuthenticator(credentials.token, credentials.seed) }),
      ...(tls && { tls: { ...tls } }),
      name,
      inboxPrefix,
      // Stack traces of every request halve the rate of requests.
      noAsyncTraces: true,
      reconnect: false,
      timeout: 5000,
      pingInterval: 5000,
      maxPingOut: 2,
    };
    const dial: Dial = (isWanted) => dialled(options, log, isWanted);
    const nc = await dial(() => true);
    return new NatsLink(nc!, dial, inboxPrefix, log);
  }

  /** The present one: another after each reconnect. */
  get nc(): NatsConnection {
    return this.#nc;
  }

  get connection(): Observable<Connection> {
    return this.#connection;
  }

  get isConnected(): boolean {
    return this.#connection.value.state === "connected" && !this.#nc.isClosed();
  }

  /** It will not come back. */
  get isClosed(): boolean {
    return this.#isClosing;
  }

  /** Largest message that the server takes, headers included, in bytes. */
  get payloadMax(): number {
    return this.#nc.info?.max_payload ?? 1_048_576;
  }

  /**
   * A subject on which only this process listens. Nobody can guess it from others: whoever answers one request must not be
   * able to answer another.
   */
  inbox(): string {
    return `${this.#inboxPrefix}.${randomBytes(16).toString("base64url")}`;
  }

  /** Why it is not sent; undefined when it goes out with what else this turn publishes. Lost when the connection breaks before. */
  publish(
    subject: string,
    bytes: Uint8Array,
    options: Pick<Outgoing, "reply" | "headers"> = {},
  ): BusFailure | undefined {
    if (!this.isConnected || this.#nc.isDraining()) return "disconnected";
    if (bytes.length + sizeOf(options.headers) > this.payloadMax) return "too-large";
    this.#turn.add({ subject, bytes, ...options });
    return undefined;
  }

  /** Calls for each message until it is cancelled, over all reconnects. */
  subscribe(subject: string, call: (message: Msg) => void): Cancel {
    const subscribed: Subscribed = { subject, call, end: () => undefined };
    this.#subscriptions.add(subscribed);
    if (this.isConnected && !this.#nc.isDraining()) this.#attach(subscribed);
    return () => {
      this.#subscriptions.delete(subscribed);
      subscribed.end();
    };
  }

  /** Done when the server has what was published and subscribed so far. */
  async flush(): Promise<void> {
    this.#turn.end();
    await this.#nc.flush();
  }

  /** Sends what is still to be sent, then ends. Safe to repeat. */
  async close(): Promise<void> {
    this.#turn.end();
    this.#isClosing = true;
    if (this.isConnected && !this.#nc.isDraining()) await this.#nc.drain().catch(() => undefined);
    await this.drop();
  }

  /** Ends at once. */
  async drop(): Promise<void> {
    this.#isClosing = true;
    await this.#nc.close();
  }

  #send({ subject, bytes, ...options }: Outgoing): void {
    if (!this.isConnected || this.#nc.isDraining()) return;
    try {
      this.#nc.publish(subject, bytes, options);
    } catch (error) {
      if (!this.#nc.isClosed()) this.log.error("a message was not sent", { subject, error });
    }
  }

  /** One connection after the other. */
  async #keep(): Promise<Error | void> {
    for (;;) {
      void this.#follow(this.#nc);
      await this.#nc.closed();
      this.#connection.next({ state: "disconnected" });
      if (this.#isClosing) return;
      this.log.warn("disconnected from NATS", { server: this.#nc.getServer() });
      try {
        const next = await this.#dial(() => !this.#isClosing);
        if (next === undefined) return;
        this.#nc = next;
      } catch (cause) {
        this.log.error("the connection to NATS is closed for good", { error: cause });
        return cause as Error;
      }
      if (this.#isClosing) return this.#nc.close();
      for (const subscribed of this.#subscriptions) this.#attach(subscribed);
      const server = this.#nc.getServer();
      this.log.info("connected to NATS again", { server });
      this.#connection.next({ state: "connected", server });
    }
  }

  #attach(subscribed: Subscribed): void {
    const nc = this.#nc;
    const { subject, call } = subscribed;
    const subscription = nc.subscribe(subject, {
      callback: (ended, message) => {
        if (ended) return this.log.error("the server ended a subscription", { subject, error: ended });
        try {
          call(message);
        } catch (error) {
          this.log.error("handling a message threw", { subject: message.subject, error });
        }
      },
    });
    subscribed.end = () => {
      if (!nc.isClosed()) subscription.unsubscribe();
    };
  }

  /** What the client tells of a connection. It does not end with the connection. */
  async #follow(nc: NatsConnection): Promise<void> {
    for await (const { type, data, permissionContext } of nc.status()) {
      if (type !== Events.Error) continue;
      if (permissionContext === undefined) this.log.error("NATS says", { error: data });
      else {
        const { operation, subject } = permissionContext;
        this.log.error("the NATS server does not let us", { operation, subject });
      }
    }
  }
}

/** In the protocol's text: a first line, a line for each value, an empty line. */
function sizeOf(headers: MsgHdrs | undefined): number {
  if (headers === undefined) return 0;
  let size = "NATS/1.0\r\n\r\n".length;
  for (const name of headers.keys())
    for (const value of headers.values(name)) size += Buffer.byteLength(`${name}: ${value}\r\n`);
  return size;
}

interface Subscribed {
  readonly subject: string;
  readonly call: (message: Msg) => void;
  /** Of the present connection. */
  end: () => void;
}

/** Tries until it stands; undefined when it is not wanted any more. Throws for credentials that the server refuses. */
type Dial = (isWanted: () => boolean) => Promise<NatsConnection | undefined>;

async function dialled(
  options: ConnectionOptions,
  log: Log,
  isWanted: () => boolean,
): Promise<NatsConnection | undefined> {
  for (let saidAt = performance.now(); isWanted(); await sleep(retryMs)) {
    try {
      return await connect(options);
    } catch (cause) {
      if (refusedBy(cause) !== undefined) throw cause;
      if (performance.now() - saidAt < waitSaidMs) continue;
      saidAt = performance.now();
      const hint = "is nats-server running there?";
      log.warn("waiting for NATS", { servers: options.servers, cause: (cause as Error).message, hint });
    }
  }
  return undefined;
}

/** In the server's words, when it is that it refuses our credentials, or wants some. */
export const refusedBy = (cause: unknown): string | undefined =>
  cause instanceof NatsError && cause.isAuthError() ? cause.message : undefined;

const addresses = (url: string): string[] =>
  url.split(",").map((each) => (each.includes("://") ? each.trim() : `nats://${each.trim()}`));

const withoutSecret = (address: string): string => address.replace(/\/\/[^/]*@/, "//…@");

/** Those of them that no server can have; what may be a secret is left out. */
export const faultyAddresses = (url: string): string[] =>
  addresses(url)
    .filter((each) => !URL.canParse(each) || !/^(nats|tls):$/.test(new URL(each).protocol))
    .map(withoutSecret);

/** As it may be shown. */
export const shownAddresses = (url: string): string => addresses(url).map(withoutSecret).join(", ");

/** The client does not take credentials out of URLs. They never come into logs either. */
function parsed(
  url: string,
): { servers: string[] } & Pick<ConnectionOptions, "user" | "pass" | "token" | "tls"> {
  const urls = addresses(url).map((each) => new URL(each));
  const { username, password } = urls.find((each) => each.username !== "") ?? { username: "", password: "" };
  const servers = urls.map((each) => `${each.hostname}:${each.port || "4222"}`);
  const tls = urls.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {};
  if (username === "") return { servers, ...tls };
  const user = decodeURIComponent(username);
  return password === ""
    ? { servers, ...tls, token: user }
    : { servers, ...tls, user, pass: decodeURIComponent(password) };
}
