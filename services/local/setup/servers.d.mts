import type { Release } from "./releases.mjs";
import type { Shelf } from "./shelf.mjs";
import type { Server } from "./tools.mjs";

interface Context {
  readonly mode: "start" | "test";
  readonly shelf: Shelf;
  readonly packages: () => Promise<{
    download(
      names: readonly string[],
      into: string,
      options?: { older?: boolean; closure?: boolean },
    ): Promise<void>;
  }>;
  readonly release?: (tool: string) => Release | undefined;
}
export function findNats(context: Context): Promise<Server>;
export function findConsul(context: Context): Promise<Server>;
export function withoutSecret(address: string): string;
