import { ContainerModule } from "inversify";
import { KvLease } from "#libs/machine/kv-lease.js";
import type { Log } from "#libs/ports/log.js";
import { provide } from "#libs/ports/provide.js";
import { ports } from "#libs/ports/tokens.js";
import { encodeId } from "#protocol/ids.js";
import { Subjects } from "#protocol/subjects.js";
import { SystemClock } from "./clock.js";
import type { CommonSettings } from "./config.js";
import { NatsBus } from "./nats/bus.js";
import { NatsLink } from "./nats/connection.js";
import { JetStream } from "./nats/jetstream.js";
import { Requests } from "./nats/requests.js";
import { NatsStore } from "./nats/store.js";
import { NatsStreams } from "./nats/streams.js";
import { SystemRandom } from "./random.js";
import { HmacSealer } from "./sealer.js";

export interface WorldOptions {
  readonly settings: Omit<CommonSettings, "logLevel">;
  /** As whom we speak on the bus: its inboxes begin with `_INBOX.<principal>`. */
  readonly principal: string;
  readonly log: Log;
  /** Only of services that make offers. */
  readonly clusterKey?: string;
}

export interface World {
  /** Binds the bus side of the ports: bus, streams, store, lease, clock, random, log, sealer. All over one connection. */
  readonly module: ContainerModule;
  /** Settles when the connection is closed and will not come back, with the reason unless we closed it. */
  readonly closed: Promise<Error | void>;
  /** Sends what is still to be sent, then ends. */
  close(): Promise<void>;
}

/** The real world. Waits until NATS is there. */
export async function openWorld({ settings, principal, log, clusterKey }: WorldOptions): Promise<World> {
  const link = await NatsLink.open({
    url: settings.natsUrl,
    name: principal,
    inboxPrefix: `_INBOX.${encodeId(principal)}`,
    log,
  });
  const js = new JetStream(link);
  const bucket = new Subjects(settings.cluster).bucket("leases");
  const { replicas, leaseMs } = settings;
  const module = new ContainerModule((options) => {
    provide(options, ports.log, [], () => log);
    provide(options, ports.clock, [], () => new SystemClock());
    provide(options, ports.random, [], () => new SystemRandom());
    provide(options, ports.sealer, [], () => new HmacSealer(clusterKey));
    provide(
      options,
      ports.bus,
      [],
      () => new NatsBus(link, new Requests(link, { giveUpWhenDisconnected: false })),
    );
    provide(options, ports.streams, [], () => new NatsStreams(js));
    provide(options, ports.store, [], () => new NatsStore(js));
    provide(
      options,
      ports.lease,
      [ports.store, ports.clock, ports.log],
      (store, clock, leaseLog) => (name, holder) =>
        new KvLease({ store, clock, log: leaseLog, bucket, replicas, leaseMs, name, holder }),
    );
  });
  return { module, closed: link.nc.closed(), close: () => link.close() };
}
