import { Authority } from "#libs/adapters/nats/auth/authority.js";
import { type Principal, principalText } from "#libs/adapters/nats/auth/credentials.js";
import { silentLog } from "#libs/adapters/log.js";
import { Subjects } from "#protocol/subjects.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const authority = new Authority("c", "a secret that nobody knows");
export const issuedAt = 1_700_000_000;
export const subjects = new Subjects("c");
export const { statusStream, eventStream } = subjects;

interface Party extends Connected {
  /** `publish em.c.…`: what the server has not let it do. */
  readonly refused: Set<string>;
}

export const who = {
  master: { kind: "master", id: "master" },
  gateway: { kind: "gateway", id: "gateway" },
  a1: { kind: "agent", id: "a1" },
  a2: { kind: "agent", id: "a2" },
  mine: { kind: "framework", id: "Mine.1" },
  theirs: { kind: "framework", id: "theirs" },
  apps: { kind: "apps", id: "apps" },
  jobs: { kind: "jobs", id: "jobs" },
} as const satisfies Record<string, Principal>;
export type Name = keyof typeof who;

/** One of each kind, and of some two, on a server that knows what each may say: there while the suite runs that asks for them. */
export function allParties() {
  let nats: NatsServer;
  const parties = new Map<Name, Party>();
  const party = (name: Name): Party => parties.get(name)!;

  const connect = async (principal: Principal): Promise<Party> => {
    const refused = new Set<string>();
    const error = (_: string, fields: { operation?: string; subject?: string } = {}) =>
      void (fields.operation !== undefined && refused.add(`${fields.operation} ${fields.subject}`));
    const credentials = authority.credentials(principal, issuedAt);
    const opened = await connected(nats.url, principalText(principal), {
      log: { ...silentLog, error },
      credentials,
    });
    return { ...opened, refused };
  };

  before(async () => {
    nats = await startNats({ configuration: authority.serverConfiguration(issuedAt) });
    for (const [name, principal] of Object.entries(who)) parties.set(name as Name, await connect(principal));
    const { streams, store } = party("master");
    const limits = { maxAgeMs: 3_600_000, maxBytes: 1_000_000, replicas: 1 };
    await streams.ensure({ name: statusStream, subjects: [subjects.statusAll], kind: "queue", ...limits });
    await streams.ensure({ name: eventStream, subjects: [subjects.eventAll], kind: "log", ...limits });
    await store.ensure({ name: subjects.bucket("leases"), replicas: 1, ttlMs: 60_000 });
    for (const { id } of [who.mine, who.theirs, who.apps, who.jobs]) {
      await store.ensure({ name: subjects.bucket(`fw-${id}`), replicas: 1 });
      await streams.ensureConsumer(statusStream, subjects.statusConsumer(id), subjects.statusOf(id));
    }
  });
  after(async () => {
    for (const { link } of parties.values()) await link.close();
    await nats.stop();
  });

  /** What the server refuses of these, each tried once. */
  async function refusals(name: Name, operation: "publish" | "subscription", tried: readonly string[]) {
    const { link, refused } = party(name);
    refused.clear();
    for (const subject of tried) {
      if (operation === "publish") link.publish(subject, bytes("{}"));
      else link.subscribe(subject, () => undefined)();
    }
    // The server's words come in order; the client tells of them one turn later.
    await link.flush();
    await new Promise((turn) => setImmediate(turn));
    return tried.filter((subject) => refused.has(`${operation} ${subject}`));
  }

  return { parties, party, connect, refusals };
}
