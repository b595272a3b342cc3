import { Type } from "typebox";
import { patterned } from "./patterns.js";

/**
 * Ids travel in subjects, KV keys, file names and container names. `encodeId` makes any id (`/demo/web`, `demo.pi`)
 * one token of `[A-Za-z0-9_=-]`: all other bytes become `=XX` (upper-case hex of the UTF-8 byte). It is reversible, and
 * two different ids never meet.
 */
export function encodeId(id: string): string {
  // Nearly all are: this is asked for each message.
  if (/^[A-Za-z0-9_-]*$/.test(id)) return id;
  let token = "";
  for (const byte of new TextEncoder().encode(id)) {
    const char = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return token;
}

/** The id that `encodeId` made the token of; undefined when it is no such token. */
export function decodeId(token: string): string | undefined {
  if (!/^([A-Za-z0-9_-]|=[0-9A-F]{2})+$/.test(token)) return undefined;
  if (!token.includes("=")) return token;
  const bytes: number[] = [];
  for (let at = 0; at < token.length; at++) {
    if (token[at] === "=") {
      bytes.push(Number.parseInt(token.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(token.charCodeAt(at));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** Of a cluster: a part of every subject and bucket name. */
export const ClusterName = patterned(
  "^[a-z0-9][a-z0-9_-]{0,31}$",
  "a name like local: lower-case letters, digits, _ and -, beginning with a letter or digit, at most 32 characters",
  { description: "lower case, at most 32 characters" },
);

const plain = (most: number): string => `^[A-Za-z0-9][A-Za-z0-9_.-]{0,${most - 1}}$`;
const plainWords = (most: number): string =>
  `a name of letters, digits, _, . and -, beginning with a letter or digit, at most ${most} characters`;

/** Of an agent: stays the same for the life of its work directory. */
export const AgentId = patterned(plain(64), plainWords(64));

/** Of a framework: chosen by the framework, the same after its restart. */
export const FrameworkId = patterned(plain(64), plainWords(64));

/** Of a task: chosen by the framework for one agent and never used again. Also names its sandbox and container. */
export const TaskId = patterned(plain(128), plainWords(128));

/** Under which frameworks share the cluster. */
export const RoleName = patterned(plain(64), plainWords(64));

/** A leader's term. Grows; older ones are refused. */
export const Epoch = Type.Integer({ minimum: 0 });
