import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/** True when everybody may go to the path: each directory above it lets others pass, and so does it. */
export async function isOpenToAll(path: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
