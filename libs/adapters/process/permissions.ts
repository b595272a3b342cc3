import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { User } from "./users.js";

interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const bits = { read: 4, enter: 1 } as const;

/** By the permission bits; lists beyond them are not looked at. */
export function isAllowed(what: keyof typeof bits, { mode, uid, gid }: Owned, user: User): boolean {
  if (user.uid === 0) return true;
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & bits[what]) !== 0;
}

/** The first directory on the way to `path`, from the root on, that the user may not enter. Throws when there is no such path. */
export function closedAbove(path: string, user: User): string | undefined {
  const dir = dirname(path);
  const above = dir === path ? undefined : closedAbove(dir, user);
  if (above !== undefined || dir === path) return above;
  return isAllowed("enter", statSync(dir), user) ? undefined : dir;
}
