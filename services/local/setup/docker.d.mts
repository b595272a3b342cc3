import type { Context } from "./servers.mjs";
import type { Docker } from "./tools.mjs";

/** Throws when DOCKER_HOST names an engine that does not serve (not in tests). */
export function findDocker(context: Context): Promise<Docker>;
