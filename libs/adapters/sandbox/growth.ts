import { type FSWatcher, watch } from "node:fs";
import { openDirectory, openFile } from "./confined.js";

export interface Awaited {
  readonly root: string;
  readonly path: string;
  /** That the reader knows. */
  readonly size: number;
  readonly timeoutMs: number;
}

/** Where the system cannot watch any more, the reader looks again so often. */
const unwatchedMs = 500;

/** Kept when the file has another size than the reader knows, or is not to be had any more, or the time is over. */
export async function growth({ root, path, size, timeoutMs }: Awaited): Promise<void> {
  let changed: () => void = () => {};
  const change = new Promise<void>((done) => (changed = done));
  const timer = setTimeout(changed, timeoutMs);
  const look = async () => {
    if ((await sizeOf(root, path)) !== size) changed();
  };
  const watcher = await watchFile(root, path, () => void look());
  if (watcher === undefined) setTimeout(changed, Math.min(timeoutMs, unwatchedMs)).unref();
  try {
    // It may have grown before we watched.
    await look();
    await change;
  } finally {
    clearTimeout(timer);
    watcher?.close();
  }
}

/** 0 when it is not there: a task that has just started may not have written yet. */
async function sizeOf(root: string, path: string): Promise<number> {
  const file = await openFile(root, path);
  if (!file.ok) return 0;
  const { size } = await file.value.stat();
  await file.value.close();
  return size;
}

/** The file itself, or the sandbox as long as it is not there: through their open descriptors, so that no link is followed. */
async function watchFile(root: string, path: string, changed: () => void): Promise<FSWatcher | undefined> {
  const file = await openFile(root, path);
  const opened = file.ok ? file : await openDirectory(root, "");
  if (!opened.ok) return undefined;
  try {
    const watcher = watch(`/proc/self/fd/${opened.value.fd}`, { persistent: false }, changed);
    watcher.on("error", changed);
    return watcher;
  } catch {
    return undefined;
  } finally {
    await opened.value.close();
  }
}
