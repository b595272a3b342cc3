// The engine's own network bridge. Never --bridge=none: that takes away the bridge of the system's engine.
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { run, runOrThrow } from "./run.mjs";

const PREFIX = 20;
const SIZE = 2 ** (32 - PREFIX);
const PRIVATE_BLOCKS = ["172.28.0.0", "172.29.0.0", "10.213.0.0", "10.214.0.0"];

/**
 * Makes the bridge, or takes the one that is there with its address.
 * @param {{name: string, seed: number, env: NodeJS.ProcessEnv}} bridge seed: where to begin looking, so that engines spread out
 * @returns {Promise<string>} its subnet, like 172.28.16.0/20
 */
export async function ensureBridge({ name, seed, env }) {
  const there = await run("ip", ["-o", "-4", "addr", "show", "dev", name], { env });
  const address = /inet (\d+\.\d+\.\d+\.\d+)\/(\d+)/.exec(there.stdout);
  if (address !== null) {
    await runOrThrow("ip", ["link", "set", name, "up"], { env });
    return cidr(toNumber(address[1]), Number(address[2]));
  }
  const subnet = freeSubnet(await takenRanges(), seed);
  if (subnet === undefined)
    throw new Error(
      `no free private network for the engine: all of ${PRIVATE_BLOCKS.join(", ")} (/16) is in use`,
    );
  const gateway = `${toText(toNumber(subnet.split("/")[0]) + 1)}/${PREFIX}`;
  if (there.code !== 0) await runOrThrow("ip", ["link", "add", name, "type", "bridge"], { env });
  await runOrThrow("ip", ["addr", "add", gateway, "dev", name], { env });
  await runOrThrow("ip", ["link", "set", name, "up"], { env });
  return subnet;
}

export async function removeBridge({ name, env }) {
  await run("ip", ["link", "delete", name, "type", "bridge"], { env });
}

/**
 * A /20 that overlaps none of the ranges, or undefined.
 * @param {string[]} taken like "10.0.0.0/8"
 */
export function freeSubnet(taken, seed) {
  const candidates = PRIVATE_BLOCKS.flatMap((block) =>
    Array.from({ length: 65_536 / SIZE }, (_, i) => cidr(toNumber(block) + i * SIZE, PREFIX)),
  );
  const start = seed % candidates.length;
  return [...candidates.slice(start), ...candidates.slice(0, start)].find(
    (candidate) => !taken.some((range) => overlap(candidate, range)),
  );
}

export function overlap(one, other) {
  const [a, b] = [bounds(one), bounds(other)];
  return a.first <= b.last && b.first <= a.last;
}

/** Routes, addresses and name servers of this machine. */
async function takenRanges() {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const resolv = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  const nameservers = [...resolv.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(
    ([, ip]) => `${ip}/32`,
  );
  return [
    ...addresses
      .filter(({ family, cidr: range }) => family === "IPv4" && range !== null)
      .map(({ cidr: range }) => range),
    ...parseRoutes(await readFile("/proc/net/route", "utf8").catch(() => "")),
    ...nameservers,
  ];
}

/** /proc/net/route: destination and mask as little-endian hexadecimal; the default route takes nothing. */
export function parseRoutes(text) {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .filter((fields) => fields.length > 7 && fields[7] !== "00000000")
    .map((fields) => cidr(swapped(fields[1]), 32 - Math.log2(2 ** 32 - swapped(fields[7]))));
}

function swapped(hex) {
  return Buffer.from(hex, "hex").readUInt32LE(0);
}

function bounds(range) {
  const [ip, prefix] = range.split("/");
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(toNumber(ip) / size) * size;
  return { first, last: first + size - 1 };
}

function cidr(number, prefix) {
  const size = 2 ** (32 - prefix);
  return `${toText(Math.floor(number / size) * size)}/${prefix}`;
}

function toNumber(ip) {
  return ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(number) {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
