import { grantsOf, type PrincipalKind, principalKinds } from "#protocol/grants.js";
import { encodeId } from "#protocol/ids.js";
import { Subjects } from "#protocol/subjects.js";
import type { Principal } from "./credentials.js";
import { jetStreamGrants } from "./jetstream-grants.js";
import { derivedKey, type KeyPair } from "./keys.js";
import { signedToken } from "./tokens.js";

/** Public key of a principal's user → seconds since 1970: what was issued before does not count any more. */
export type Revocations = Readonly<Record<string, number>>;

/**
 * Issues what the NATS servers and the principals of a cluster need, from the cluster's key alone.
 *
 *     operator ─signs─► account `emporion` ─┬─ scope `agent`, with its grants ─signs─► user agent-a, agent-b, …
 *                                           ├─ scope `framework` ─signs─► user …
 *                                           └─ …
 *
 * Grants stand in the servers' configuration, as templates over the user's name and tags. So a new agent needs no change
 * there, and a new version's grants need no new credentials.
 */
export class Authority {
  readonly #cluster: string;
  readonly #clusterKey: string;

  constructor(cluster: string, clusterKey: string) {
    this.#cluster = cluster;
    this.#clusterKey = clusterKey;
  }

  /** Configuration of a nats-server, to be included in its own. It holds no secret. @param now seconds since 1970 */
  serverConfiguration(now: number, revocations: Revocations = {}): string {
    const operator = this.#key("operator", "operator");
    const account = this.#account;
    const system = this.#key("account", "system").getPublicKey();
    const accountTokens = [
      { sub: account, name: "emporion", nats: { ...this.#accountClaims(), revocations } },
      { sub: system, name: "system", nats: { type: "account", limits: { ...unlimited, ...noJetStream } } },
    ] as const;
    const operatorToken = {
      sub: operator.getPublicKey(),
      name: this.#cluster,
      nats: { type: "operator", system_account: system },
    } as const;
    return [
      `# Who may say what on the bus of the Emporion cluster ${this.#cluster}. Made by \`emporion auth\`; not to be edited.`,
      `operator: ${signedToken(operatorToken, operator, unchanging)}`,
      `system_account: ${system}`,
      "resolver: MEMORY",
      "resolver_preload: {",
      ...accountTokens.map((claims) => `  ${claims.sub}: ${signedToken(claims, operator, now)}`),
      "}",
      "",
    ].join("\n");
  }

  /** The text of a credentials file, a secret: whoever has it is this principal. @param now seconds since 1970 */
  credentials({ kind, id }: Principal, now: number): string {
    const user = this.#user({ kind, id });
    const claims = {
      sub: user.getPublicKey(),
      name: encodeId(id),
      nats: { type: "user", issuer_account: this.#account, tags: this.#tags({ kind, id }) },
    } as const;
    const token = signedToken(claims, this.#scope(kind), now);
    return [
      "-----BEGIN NATS USER JWT-----",
      token,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      Buffer.from(user.getSeed()).toString(),
      "------END USER NKEY SEED------",
      "",
    ].join("\n");
  }

  /** Under which it can be revoked. */
  publicKey(principal: Principal): string {
    return this.#user(principal).getPublicKey();
  }

  get #account(): string {
    return this.#key("account", "emporion").getPublicKey();
  }

  #scope = (kind: PrincipalKind): KeyPair => this.#key("account", `scope ${kind}`);

  #user = ({ kind, id }: Principal): KeyPair => this.#key("user", `${kind} ${id}`);

  /** Clusters that share a key by mistake share no credentials. */
  #key(kind: "operator" | "account" | "user", use: string): KeyPair {
    return derivedKey(this.#clusterKey, kind, `${this.#cluster} ${use}`);
  }

  #accountClaims() {
    return {
      type: "account" as const,
      limits: { ...unlimited, ...allOfJetStream },
      signing_keys: principalKinds.map((kind) => ({
        kind: "user_scope",
        key: this.#scope(kind).getPublicKey(),
        role: kind,
        template: { subs: -1, data: -1, payload: -1, ...this.#permissions(kind) },
      })),
    };
  }

  #permissions(kind: PrincipalKind) {
    const { publish, subscribe } = grantsOf(kind, this.#cluster, "{{name()}}");
    const jetStream = jetStreamGrants(kind, this.#cluster, {
      bucket: "{{tag(bucket)}}",
      bucketStream: "{{tag(bucket-stream)}}",
      consumer: "{{tag(consumer)}}",
      lease: "{{tag(lease)}}",
    });
    return { pub: { allow: [...publish, ...jetStream] }, sub: { allow: subscribe } };
  }

  /** `kind` and `cluster` tell a reader of the file whose it is; the others fill the templates. */
  #tags({ kind, id }: Principal): string[] {
    const tags = [`kind:${kind}`, `cluster:${this.#cluster}`];
    if (kind !== "framework" && kind !== "apps" && kind !== "jobs") return tags;
    const subjects = new Subjects(this.#cluster);
    const bucket = subjects.bucket(`fw-${id}`);
    return [
      ...tags,
      `bucket:${bucket}`,
      `bucket-stream:KV_${bucket}`,
      `consumer:${subjects.statusConsumer(id)}`,
      `lease:fw-${id}`,
    ];
  }
}

/** The one thing that a server cannot take anew while it runs: its time of issue is always the same. */
const unchanging = 1;

const unlimited = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
};
const allOfJetStream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
const noJetStream = { mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 };
