import { silentLog } from "#libs/adapters/log.js";
import { NatsBus } from "#libs/adapters/nats/bus.js";
import { NatsLink } from "#libs/adapters/nats/connection.js";
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

/** The bus side of the real ports, over a connection of its own. */
export async function connected(url: string, name: string, log: Log = silentLog): Promise<Connected> {
  const link = await NatsLink.open({ url, name, inboxPrefix: `_INBOX.${name}`, log });
  const js = new JetStream(link);
  return {
    link,
    bus: new NatsBus(link, new Requests(link, { giveUpWhenDisconnected: false })),
    streams: new NatsStreams(js),
    store: new NatsStore(js),
  };
}
