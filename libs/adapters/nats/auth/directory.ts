import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "#libs/adapters/make-directory.js";
import { HmacSealer } from "#libs/adapters/sealer.js";
import { Authority, type Revocations } from "./authority.js";
import { type Principal, principalText } from "./credentials.js";

/** What is written down beside the key. */
interface Noted {
  readonly cluster: string;
  readonly revoked: Revocations;
}

/**
 * Where an operator keeps the secrets of a cluster: `cluster.key`, from which all others are derived, `cluster.json` (its name and
 * what was revoked, no secret), and what was issued. Secrets are readable for their owner only.
 */
export class AuthDirectory {
  readonly path: string;
  readonly cluster: string;
  readonly #key: string;
  readonly #now: () => number;

  private constructor(path: string, cluster: string, key: string, now: () => number) {
    this.path = path;
    this.cluster = cluster;
    this.#key = key;
    this.#now = now;
  }

  /**
   * Makes what is missing. @param now wall ms
   * @throws AuthFailure when it is another cluster's, or cannot be used
   */
  static make(path: string, cluster: string, now: () => number): AuthDirectory {
    try {
      makeDirectory(path, 0o700);
      const key = join(path, "cluster.key");
      if (readIfThere(key) === undefined) writeSecret(key, randomBytes(32).toString("hex"));
      if (noted(path) === undefined) note(path, { cluster, revoked: {} });
    } catch (cause) {
      throw failureOf(cause);
    }
    const directory = AuthDirectory.open(path, now);
    if (directory.cluster !== cluster)
      throw new AuthFailure(`${path} is of the cluster ${directory.cluster}, not of ${cluster}`);
    return directory;
  }

  /** @param now wall ms @throws AuthFailure */
  static open(path: string, now: () => number): AuthDirectory {
    try {
      const key = readIfThere(join(path, "cluster.key"));
      const found = noted(path);
      if (key === undefined || found === undefined)
        throw new AuthFailure(
          `${path} has no ${key === undefined ? "cluster.key" : "cluster.json"} in it: make one with \`emporion auth init\`, or name the cluster's with --dir (of \`npm start\`: keys in its --data directory)`,
        );
      if (key.length < 16) throw new AuthFailure(`${path}/cluster.key: expected 16 characters at least`);
      return new AuthDirectory(path, found.cluster, key, now);
    } catch (cause) {
      throw failureOf(cause);
    }
  }

  /** Writes the servers' configuration; returns its path. Safe to repeat. */
  writeServerConfiguration(): string {
    const path = join(this.path, "nats-auth.conf");
    const text = this.#authority.serverConfiguration(this.#seconds, noted(this.path)?.revoked);
    write(path, text, 0o644);
    return path;
  }

  /** Writes a principal's credentials, and for an agent the key of its seals; returns the paths. Safe to repeat. */
  issue(principal: Principal): readonly string[] {
    const name = fileName(principal);
    const credentials = join(this.path, `${name}.creds`);
    // What is issued in the second of a revocation counts.
    const revokedAt = noted(this.path)?.revoked[this.#authority.publicKey(principal)] ?? 0;
    const issuedAt = Math.max(this.#seconds, revokedAt + 1);
    writeSecret(credentials, this.#authority.credentials(principal, issuedAt));
    if (principal.kind !== "agent") return [credentials];
    const key = join(this.path, `${name}.key`);
    writeSecret(key, new HmacSealer(this.#key).agentKey(principal.id));
    return [credentials, key];
  }

  /** Whether what was issued to it here is still here: it may have been moved away. */
  hasIssued(principal: Principal): boolean {
    return existsSync(join(this.path, `${fileName(principal)}.creds`));
  }

  /** What was issued to it until now does not count any more, once the servers have read their configuration again. */
  revoke(principal: Principal): void {
    const { cluster, revoked } = noted(this.path) ?? { cluster: this.cluster, revoked: {} };
    const key = this.#authority.publicKey(principal);
    note(this.path, { cluster, revoked: { ...revoked, [key]: this.#seconds } });
  }

  get #authority(): Authority {
    return new Authority(this.cluster, this.#key);
  }

  get #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }
}

/** For people: says what to do. */
export class AuthFailure extends Error {}

const fileName = (principal: Principal): string => principalText(principal).replace(" ", "-");

const writeSecret = (path: string, text: string): void => write(path, `${text.trim()}\n`, 0o600);

/** In one step, so that nobody reads half of it; a file that others could read is no secret, whatever it was before. */
function write(path: string, text: string, mode: number): void {
  const next = `${path}.next`;
  writeFileSync(next, text, { mode });
  chmodSync(next, mode);
  renameSync(next, path);
}

const note = (path: string, content: Noted): void =>
  write(join(path, "cluster.json"), `${JSON.stringify(content, null, 2)}\n`, 0o644);

function noted(path: string): Noted | undefined {
  const file = join(path, "cluster.json");
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const { cluster, revoked = {} } = JSON.parse(text) as Partial<Noted>;
    if (typeof cluster === "string") return { cluster, revoked };
  } catch {
    // Said below.
  }
  throw new AuthFailure(
    `${file}: expected {"cluster": "…", "revoked": {…}}, as \`emporion auth init\` writes it`,
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

const failureOf = (cause: unknown): AuthFailure =>
  cause instanceof AuthFailure ? cause : new AuthFailure((cause as Error).message);
