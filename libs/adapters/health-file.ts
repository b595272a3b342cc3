import { rmSync, writeFileSync } from "node:fs";
import type { Observable } from "rxjs";
import type { Connection } from "#libs/ports/bus.js";

const touchEveryMs = 5000;

/**
 * Touches the file now and every 5 s while we are connected: an old file means that the process hangs or is cut off. Throws when the
 * file cannot be written. @returns how to end it, which removes the file
 */
export function keepHealthFile(path: string, connection: Observable<Connection>): () => void {
  let isConnected = false;
  const touch = () => {
    if (isConnected) writeFileSync(path, "");
  };
  const following = connection.subscribe(({ state }) => {
    isConnected = state === "connected";
    touch();
  });
  const timer = setInterval(touch, touchEveryMs);
  return () => {
    clearInterval(timer);
    following.unsubscribe();
    rmSync(path, { force: true });
  };
}
