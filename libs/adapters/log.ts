import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import type { Log } from "#libs/ports/log.js";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** Name of the process, a field of every line. */
  readonly name: string;
  /** Where the lines go: standard output unless given. */
  readonly destination?: DestinationStream;
}

/** One JSON object a line, written before the call returns, so that a crash loses none. Values of fields that are named like secrets become `…`. */
export function makeLog({ level, name, destination }: LogOptions): Log {
  const options = {
    level,
    base: { name },
    messageKey: "message",
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return new PinoLog(destination === undefined ? pino(options) : pino(options, destination));
}

/** Says nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

class PinoLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(message: string, fields: object = {}): void {
    if (this.#logger.isLevelEnabled("debug")) this.#logger.debug(withoutSecrets(fields), message);
  }
  info(message: string, fields: object = {}): void {
    if (this.#logger.isLevelEnabled("info")) this.#logger.info(withoutSecrets(fields), message);
  }
  warn(message: string, fields: object = {}): void {
    this.#logger.warn(withoutSecrets(fields), message);
  }
  error(message: string, fields: object = {}): void {
    this.#logger.error(withoutSecrets(fields), message);
  }
  child(fields: object): Log {
    return new PinoLog(this.#logger.child(withoutSecrets(fields)));
  }
}

const secretName = /(secret|passw|token|credential|authorization|(cluster|agent|api|private)_?key)/i;
const depthMost = 6;

/** A copy that is safe to write: secrets hidden, errors as words, deep and circular things cut off. */
function withoutSecrets(fields: object): object {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) copy[name] = shown(name, value, 0);
  return copy;
}

function shown(name: string, value: unknown, depth: number): unknown {
  if (secretName.test(name) && value !== undefined) return "…";
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= depthMost) return "…";
  if (value instanceof Error) return errorShown(value, depth);
  if (value instanceof Map) return shown(name, Object.fromEntries(value), depth);
  if (value instanceof Set || Array.isArray(value))
    return [...value].map((each) => shown("", each, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(key, each, depth + 1)]));
}

const errorShown = (error: Error, depth: number): object => ({
  name: error.name,
  message: error.message,
  stack: error.stack,
  ...(error.cause === undefined ? {} : { cause: shown("", error.cause, depth + 1) }),
});
