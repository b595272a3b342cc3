import { ContainerModule } from "inversify";
import { KvLease } from "#libs/machine/kv-lease.js";
import type { Log } from "#libs/ports/log.js";
import { provide } from "#libs/ports/provide.js";
import type { Bus } from "#libs/ports/bus.js";
import { ports } from "#libs/ports/tokens.js";
import type { Fault } from "#protocol/errors.js";
import { encodeId } from "#protocol/ids.js";
import { Subjects } from "#protocol/subjects.js";
import { SystemClock } from "./clock.js";
import type { CommonSettings } from "./config.js";
import { LateStore } from "./late-store.js";
import { askedBuckets } from "./nats/asked-buckets.js";
import { type Credentials, type Principal, principalText, readCredentials } from "./nats/auth/credentials.js";
import { NatsBus } from "./nats/bus.js";
import { faultyAddresses, NatsLink, refusedBy, shownAddresses } from "./nats/connection.js";
import { JetStream } from "./nats/jetstream.js";
import { Requests } from "./nats/requests.js";
import { NatsStore } from "./nats/store.js";
import { NatsStreams } from "./nats/streams.js";
import { SystemRandom } from "./random.js";
import { HmacSealer } from "./sealer.js";

export interface WorldOptions {
  readonly settings: Omit<CommonSettings, "logLevel">;
  /** Of the connection, for people. */
  readonly name: string;
  readonly log: Log;
  /** Only of services that make offers. */
  readonly clusterKey?: string;
}

export interface World {
  /** Binds the bus side of the ports: bus, streams, store, lease, clock, random, log, sealer. All over one connection, but leases. */
  readonly module: ContainerModule;
  /** Settles when the connection is closed and will not come back, with the reason unless we closed it. */
  readonly closed: Promise<Error | void>;
  /** Sends what is still to be sent, then ends. */
  close(): Promise<void>;
}

/** The real world. Waits until NATS is there. */
export async function openWorld({ settings, name, log, clusterKey }: WorldOptions): Promise<World> {
  const credentials = credentialsOf(settings);
  const links: NatsLink[] = [];
  const connect = async (as: string) => {
    const opened = await NatsLink.open({
      url: settings.natsUrl,
      name: as,
      inboxPrefix: credentials?.inboxPrefix ?? `_INBOX.${encodeId(as)}`,
      ...(credentials && { credentials }),
      ...tlsOf(settings),
      log,
    });
    links.push(opened);
    return opened;
  };
  const link = await connect(name);
  const js = new JetStream(link);
  const subjects = new Subjects(settings.cluster);
  const bucket = subjects.bucket("leases");
  const { replicas, leaseMs } = settings;
  // The answer to a renewal must not wait behind all that a busy process has yet to hear: it would lose the lease over its work.
  // Who is deaf must lose it all the same.
  const leases = new LateStore(
    async () => {
      const own = new JetStream(await connect(`${name}-lease`));
      return storeOf(own, new NatsBus(own.link, requestsOver(own.link)), subjects, credentials);
    },
    () => link.isConnected,
  );
  const module = new ContainerModule((options) => {
    provide(options, ports.log, [], () => log);
    provide(options, ports.clock, [], () => new SystemClock());
    provide(options, ports.random, [], () => new SystemRandom());
    provide(options, ports.sealer, [], () => new HmacSealer(clusterKey));
    provide(options, ports.bus, [], () => new NatsBus(link, requestsOver(link)));
    provide(options, ports.streams, [], () => new NatsStreams(js));
    provide(options, ports.store, [ports.bus], (bus) => storeOf(js, bus, subjects, credentials));
    provide(
      options,
      ports.lease,
      [ports.clock, ports.log],
      (clock, leaseLog) => (name, holder) =>
        new KvLease({ store: leases, clock, log: leaseLog, bucket, replicas, leaseMs, name, holder }),
    );
  });
  return {
    module,
    closed: link.closed,
    async close() {
      await Promise.all(links.map((each) => each.close()));
    },
  };
}

const requestsOver = (link: NatsLink): Requests => new Requests(link, { giveUpWhenDisconnected: false });

/** What a framework that speaks for itself may not make, it asks for. */
function storeOf(js: JetStream, bus: Bus, subjects: Subjects, credentials: Principal | undefined): NatsStore {
  if (credentials === undefined || !/^(framework|apps|jobs)$/.test(credentials.kind))
    return new NatsStore(js);
  const { id } = credentials;
  const asked = { subject: subjects.master(id, "bucket"), bucket: subjects.bucket(`fw-${id}`) };
  return new NatsStore(js, askedBuckets({ js, bus, ...asked }));
}

const credentialsOf = ({ natsCreds }: Pick<CommonSettings, "natsCreds">): Credentials | undefined => {
  const read = natsCreds === undefined ? undefined : readCredentials(natsCreds);
  return read?.ok === true ? read.value : undefined;
};

function tlsOf({ natsCa, natsCert, natsKey }: Pick<CommonSettings, "natsCa" | "natsCert" | "natsKey">) {
  if (natsCa === undefined && natsCert === undefined) return {};
  return {
    tls: {
      ...(natsCa !== undefined && { ca: natsCa }),
      ...(natsCert !== undefined && { cert: natsCert }),
      ...(natsKey !== undefined && { key: natsKey }),
    },
  };
}

/** Faults of the settings of a connection that no schema can find. */
export function connectionFaults({
  natsUrl,
  natsCreds,
  natsCert,
  natsKey,
  cluster,
}: CommonSettings): Fault[] {
  const faults: Fault[] = faultyAddresses(natsUrl).map((found) => ({
    path: "NATS_URL",
    expected: "addresses like nats://127.0.0.1:4222 or tls://…, separated by commas",
    found,
  }));
  if ((natsCert === undefined) !== (natsKey === undefined))
    faults.push({
      path: natsCert === undefined ? "EMPORION_NATS_CERT" : "EMPORION_NATS_KEY",
      expected: "both a certificate and its key, or neither",
      found: "one of them",
    });
  const read = natsCreds === undefined ? undefined : readCredentials(natsCreds);
  if (read?.ok === false) faults.push(credentialsFault(read.error, "something else"));
  else if (read !== undefined && read.value.cluster !== cluster)
    faults.push(credentialsFault(`credentials of the cluster ${cluster}`, `those of ${read.value.cluster}`));
  return faults;
}

/** The server would refuse all that such a service says; so it is told before. */
export function principalFaults(settings: CommonSettings, principal: Principal): Fault[] {
  const credentials = credentialsOf(settings);
  if (credentials === undefined || principalText(credentials) === principalText(principal)) return [];
  return [
    credentialsFault(`credentials of ${principalText(principal)}`, `those of ${principalText(credentials)}`),
  ];
}

/** What is wrong with the settings, when `cause` is that the server lets nobody in with them; else undefined. */
export function refusedFault(
  { natsUrl, natsCreds }: CommonSettings,
  principal: Principal | undefined,
  cause: unknown,
): Fault | undefined {
  const words = refusedBy(cause);
  if (words === undefined) return undefined;
  const issued =
    principal?.kind === "agent" || principal?.kind === "framework"
      ? `, as \`emporion auth ${principalText(principal)}\` issues them`
      : ", as `emporion auth` issues them";
  return {
    path: "EMPORION_NATS_CREDS_FILE",
    expected: `credentials that the NATS server at ${shownAddresses(natsUrl)} (NATS_URL) takes${issued}`,
    found:
      natsCreds === undefined
        ? `none: ${words}`
        : `some that it refuses (revoked, or of another cluster's key): ${words}`,
  };
}

const credentialsFault = (expected: string, found: string): Fault => ({
  path: "EMPORION_NATS_CREDS",
  expected,
  found,
});
