import { silentLog } from "#libs/adapters/log.js";
import { NatsBus } from "#libs/adapters/nats/bus.js";
import { readCredentials } from "#libs/adapters/nats/auth/credentials.js";
import { NatsLink, type TlsTexts } from "#libs/adapters/nats/connection.js";
import { JetStream } from "#libs/adapters/nats/jetstream.js";
import { Requests } from "#libs/adapters/nats/requests.js";
import { NatsStore } from "#libs/adapters/nats/store.js";
import { NatsStreams } from "#libs/adapters/nats/streams.js";
import type { Log } from "#libs/ports/log.js";

export interface Connected {
  readonly link: NatsLink;
  readonly bus: NatsBus;
  readonly streams: NatsStreams;
  readonly store: NatsStore;
}

export interface ConnectOptions {
  readonly log?: Log;
  /** Text of a credentials file. */
  readonly credentials?: string;
  readonly tls?: TlsTexts;
}

/** The bus side of the real ports, over a connection of its own. */
export async function connected(
  url: string,
  name: string,
  { log = silentLog, credentials, tls }: ConnectOptions = {},
): Promise<Connected> {
  const read = credentials === undefined ? undefined : readCredentials(credentials);
  if (read?.ok === false) throw new Error(read.error);
  const link = await NatsLink.open({
    url,
    name,
    inboxPrefix: read?.value.inboxPrefix ?? `_INBOX.${name}`,
    log,
    ...(read && { credentials: read.value }),
    ...(tls && { tls }),
  });
  const js = new JetStream(link);
  return {
    link,
    bus: new NatsBus(link, new Requests(link, { giveUpWhenDisconnected: false })),
    streams: new NatsStreams(js),
    store: new NatsStore(js),
  };
}
