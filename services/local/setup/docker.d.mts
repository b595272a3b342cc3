import type { Shelf } from "./shelf.mjs";
import type { Docker } from "./tools.mjs";

/** Throws when DOCKER_HOST names an engine that does not serve (not in tests). */
export function findDocker(context: {
  readonly mode: "start" | "test";
  readonly shelf: Shelf;
  readonly packages: () => Promise<{
    download(
      names: readonly string[],
      into: string,
      options?: { older?: boolean; closure?: boolean },
    ): Promise<void>;
  }>;
}): Promise<Docker>;
