import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Every TCP port of our network namespace on which somebody listens, at whichever address. One read of what the kernel lists,
 * so that a thousand ports cost no more than one.
 * @param root of the file system with /proc
 */
export async function listeningPorts(root = "/"): Promise<ReadonlySet<number>> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((table) => readFile(join(root, "proc/net", table), "utf8").catch(() => "")),
  );
  const ports = new Set<number>();
  for (const [, port] of tables.join("\n").matchAll(listening)) ports.add(Number.parseInt(port!, 16));
  return ports;
}

/** `0: 0100007F:7918 00000000:0000 0A …`: number, local address and port, the peer's, state. 0A is LISTEN. */
const listening = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /gm;
