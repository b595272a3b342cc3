import type { LaunchFailure } from "#libs/core/launch.js";

/** What dockerode throws: with a status when the engine answered, without one when it could not be asked. */
interface EngineError {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string } | null;
  readonly message?: string;
}

export const statusOf = (cause: unknown): number | undefined => (cause as EngineError)?.statusCode;

/** The engine did not answer: whether it did what was asked is unknown. */
export const isUnreachable = (cause: unknown): boolean => statusOf(cause) === undefined;

/** The engine's own words, without what the client adds around them. */
export function wordsOf(cause: unknown): string {
  const { json, message } = cause as EngineError;
  const text = json?.message ?? (message ?? String(cause)).replace(/^\(HTTP code \d+\) [a-z /]+ - /, "");
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Why a container could not be created or started, as the engine said it. */
export function startFailure(cause: unknown, image: string): LaunchFailure {
  const words = wordsOf(cause);
  const command = /exec: "([^"]*)": (.*?)(?:: unknown)?$/.exec(words);
  if (command !== null)
    return { reason: "command-missing", message: commandMissing(command[1]!, image, command[2]!) };
  if (/port is already allocated|address already in use/.test(words)) {
    const [, host] = /(?:Bind for|listen tcp4?|listen udp4?) (\S+?)(?: failed)?:\s/.exec(words) ?? [];
    return { reason: "port-in-use", message: `the host port ${host ?? "asked for"} is in use: ${words}` };
  }
  return { reason: "launch-failed", message: `the Docker engine could not start it: ${words}` };
}

export const commandMissing = (command: string, image: string, why: string): string =>
  `the command ${command} cannot be run in image ${image}: ${why}`;
