import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { type Clock, delay } from "#libs/ports/clock.js";

/** First and last port, both of it. */
export type PortRange = readonly [number, number];

export interface PortClaim {
  readonly ports: PortRange;
  readonly pid: number;
}

/**
 * Who gives ports of this host to tasks says so here, and others can see it: an abstract socket whose name tells the range.
 * Like the ports themselves it belongs to the network namespace, is seen by every user, and goes with its process.
 * @returns how to let go of it
 */
export async function claimPorts([first, last]: PortRange): Promise<() => void> {
  const server = await listening(`${prefix}${first}-${last}-${process.pid}`).catch(unlessTaken);
  return () => server?.close();
}

/** Of all processes of this host that live. None where the system does not tell. */
export async function portClaims(): Promise<readonly PortClaim[]> {
  const sockets = await readFile("/proc/net/unix", "utf8").catch(() => "");
  return sockets.split("\n").flatMap((line) => {
    const [, first, last, pid] = claimName.exec(line) ?? [];
    return first === undefined ? [] : [{ ports: [Number(first), Number(last)], pid: Number(pid) }];
  });
}

/** One at a time on this host: so two that look for free ports do not both find the same. */
export async function whilePortsRest<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
  const giveUpAt = clock.now().mono + restMostMs;
  for (;;) {
    const server = await listening(`${prefix}are-chosen`).catch(unlessTaken);
    if (server === undefined) {
      if (clock.now().mono >= giveUpAt) throw new Error("another process keeps choosing ports");
      await delay(clock, 20);
      continue;
    }
    try {
      return await work();
    } finally {
      server.close();
    }
  }
}

export const overlap = ([a, b]: PortRange, [c, d]: PortRange): boolean => a <= d && c <= b;

const prefix = "emporion-task-ports-";
const claimName = /@emporion-task-ports-(\d+)-(\d+)-(\d+)@*$/;
const restMostMs = 5000;

/** A process of another namespace may have our number: its claim of the same ports serves as well. */
function unlessTaken(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== "EADDRINUSE") throw cause;
}

function listening(name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((done, failed) => {
    server.once("error", failed);
    // Abstract: a name without a file, so nothing can be left behind.
    server.listen(`\0${name}`, () => done(server));
  });
}
