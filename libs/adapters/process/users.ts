import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fail, ok, type Result } from "#protocol/result.js";

/** As whom tasks may run. From the agent's configuration. */
export interface UserPolicy {
  /** Of tasks that name no user. As an agent without root's rights: only its own user, whatever is set here. */
  readonly defaultUser: string;
  readonly allowRoot: boolean;
  /** Names or numbers. Any but root unless given. */
  readonly allowedUsers?: readonly string[];
}

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Who tasks run as. */
export class Users {
  readonly #known = new Map<string, User | undefined>();
  readonly #policy: UserPolicy;
  readonly #own: { readonly uid: number; readonly gid: number };

  /** @param own the agent's own user; 0 may become anybody. */
  constructor(
    policy: UserPolicy,
    own: { readonly uid: number; readonly gid: number } = {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    },
  ) {
    this.#policy = policy;
    this.#own = own;
  }

  /** Refusals in words. */
  resolve(asked: string | undefined): Result<User, string> {
    if (this.#own.uid !== 0) return this.#ownUser(asked);
    const name = asked ?? this.#policy.defaultUser;
    const user = this.#find(name);
    if (user === undefined) return fail(`there is no user ${name} on this host`);
    if (user.uid === 0 && !this.#policy.allowRoot)
      return fail(`the agent's configuration does not allow tasks to run as root`);
    const { allowedUsers } = this.#policy;
    if (asked !== undefined && allowedUsers !== undefined && !this.#isAmong(user, allowedUsers))
      return fail(
        `the agent's configuration does not allow user ${name}; allowed: ${[this.#policy.defaultUser, ...allowedUsers].join(", ")}`,
      );
    return ok(user);
  }

  #ownUser(asked: string | undefined): Result<User, string> {
    const { uid, gid } = this.#own;
    const user = asked === undefined ? { name: `${uid}`, uid, gid } : this.#find(asked);
    if (user === undefined) return fail(`there is no user ${asked} on this host`);
    return user.uid === uid
      ? ok({ ...user, gid })
      : fail(`the agent does not run as root: its tasks run as its own user (${uid}), not as ${asked}`);
  }

  #isAmong(user: User, names: readonly string[]): boolean {
    return [this.#policy.defaultUser, ...names].some(
      (name) => name === user.name || this.#find(name)?.uid === user.uid,
    );
  }

  #find(name: string): User | undefined {
    // Names that are not there are kept too: asking the name services takes long.
    if (this.#known.size > 1000) this.#known.clear();
    if (!this.#known.has(name)) this.#known.set(name, lookUp(name));
    return this.#known.get(name);
  }
}

/** First the host's own file, then the name services, if the host has them. */
function lookUp(name: string): User | undefined {
  return (
    inPasswd(readFileSync("/etc/passwd", "utf8"), name) ?? inPasswd(getent(name), name) ?? byNumber(name)
  );
}

function inPasswd(passwd: string, asked: string): User | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name && uid && gid && (name === asked || uid === asked))
      return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** A number needs no name; its group is the one of the same number. */
const byNumber = (name: string): User | undefined =>
  /^[0-9]{1,10}$/.test(name) && Number(name) < 2 ** 32 - 1
    ? { name, uid: Number(name), gid: Number(name) }
    : undefined;

function getent(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/.test(name)) return "";
  try {
    return execFileSync("getent", ["passwd", "--", name], {
      encoding: "utf8",
      timeout: 2000,
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}
