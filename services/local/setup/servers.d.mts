import type { Release } from "./releases.mjs";
import type { Shelf } from "./shelf.mjs";
import type { Server } from "./tools.mjs";

/** Where a set-up looks for servers, the Docker engine included. */
export interface Context {
  readonly mode: "start" | "test";
  readonly shelf: Shelf;
  readonly packages: () => Promise<{
    download(
      names: readonly string[],
      into: string,
      options?: { older?: boolean; closure?: boolean },
    ): Promise<void>;
  }>;
  /** The pinned release of a tool; none of Docker. */
  readonly release?: (tool: string) => Release | undefined;
}
export function findNats(context: Context): Promise<Server>;
export function findConsul(context: Context): Promise<Server>;
export function withoutSecret(address: string): string;
