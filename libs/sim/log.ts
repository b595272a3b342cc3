import type { Log } from "#libs/ports/log.js";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: object;
}

/** Hands every line to `write`. */
export class SimLog implements Log {
  readonly #write: (line: LogLine) => void;
  readonly #fields: object;

  constructor(write: (line: LogLine) => void, fields: object = {}) {
    this.#write = write;
    this.#fields = fields;
  }

  debug = (message: string, fields?: object): void => this.#say("debug", message, fields);
  info = (message: string, fields?: object): void => this.#say("info", message, fields);
  warn = (message: string, fields?: object): void => this.#say("warn", message, fields);
  error = (message: string, fields?: object): void => this.#say("error", message, fields);

  child(fields: object): Log {
    return new SimLog(this.#write, { ...this.#fields, ...fields });
  }

  #say(level: LogLine["level"], message: string, fields: object = {}): void {
    this.#write({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
