/**
 * Makes `into` anew: a build context for services/Dockerfile with the packages and the build of this project, both of which must be
 * there. The Dockerfile takes them as they are and asks for no network.
 */
export function stage(into: string, root?: string): Promise<void>;

/** Paths below the project of all packages but those for development alone. */
export function productionPackages(lock: {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}): string[];
