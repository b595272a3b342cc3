import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { SystemRandom } from "./random.js";

/** The directory in which an agent keeps its id, its journal and its sandboxes. One process works in it at a time. */
export class WorkDirectory {
  /** Absolute, links resolved. */
  readonly path: string;
  /** The same for the life of the directory. */
  readonly agent: string;
  #lock: Server | undefined;

  /**
   * Makes it if need be. `agent`: the id that was configured; else the one that was made once, of the host's name and chance.
   * Throws when the directory cannot be written, or belongs to another agent.
   */
  constructor(path: string, agent: string | undefined) {
    mkdirSync(path, { recursive: true, mode: 0o711 });
    this.path = realpathSync(path);
    const file = join(this.path, "agent-id");
    const known = readIfThere(file);
    if (agent !== undefined && known !== undefined && agent !== known)
      throw new Error(
        `the work directory ${this.path} is agent ${known}'s: configure that id, or another directory`,
      );
    this.agent = known ?? agent ?? madeId();
    if (known === undefined) writeFileSync(file, `${this.agent}\n`, { mode: 0o644 });
  }

  /** Throws when another process of this host works in it. The kernel lets go of the lock when this process ends, however it ends. */
  async lock(): Promise<void> {
    const name = createHash("sha256").update(this.path).digest("hex").slice(0, 32);
    const server = createServer((socket) => socket.destroy());
    server.unref();
    await new Promise<void>((locked, failed) => {
      server.once("error", (cause: NodeJS.ErrnoException) =>
        failed(
          cause.code === "EADDRINUSE"
            ? new Error(`another process works in ${this.path}: stop it, or configure another directory`)
            : cause,
        ),
      );
      // An abstract socket: a name without a file, so nothing can be left behind.
      server.listen(`\0emporion-agent-${name}`, locked);
    });
    this.#lock = server;
  }

  release(): void {
    this.#lock?.close();
  }
}

/** Where others on the network reach this host: its first address that is no loopback, or 127.0.0.1. */
export function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  return found?.address ?? "127.0.0.1";
}

function madeId(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9_.-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 48);
  return `${host || "agent"}-${new SystemRandom().token(6)}`;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}
