import { nkeys } from "nats";
import { createHmac } from "node:crypto";

export type KeyPair = ReturnType<typeof nkeys.fromSeed>;

/** First byte of a public key, by what it is for: shown as O…, A… or U…. */
const prefixes = { operator: 14 << 3, account: 0, user: 20 << 3 } as const;

/**
 * A key of the bus, made from the cluster's key: whoever has that one needs no list of the others.
 * @param use what it is for, such as `user agent agent-a`: another use gives another key
 */
export function derivedKey(clusterKey: string, kind: keyof typeof prefixes, use: string): KeyPair {
  const raw = createHmac("sha256", clusterKey).update(`nats:${kind}:${use}`, "utf8").digest();
  return nkeys.fromSeed(Buffer.from(seedText(prefixes[kind], raw)));
}

/** As in nats-io/nkeys: two bytes that say seed and kind, 32 of the key, a checksum; in base 32. */
function seedText(prefix: number, raw: Uint8Array): string {
  const seed = 18 << 3;
  const body = Buffer.concat([Buffer.from([seed | (prefix >> 5), (prefix & 31) << 3]), raw]);
  const checksum = Buffer.alloc(2);
  checksum.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, checksum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += letters[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + letters[(value << (5 - bits)) & 31];
}
