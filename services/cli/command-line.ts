import { existsSync, readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { Client } from "./client.js";
import { Failure } from "./failure.js";
import { Output, type OutputFormat } from "./output.js";

/** What is said before or behind every command. */
export interface Globals {
  readonly url: string;
  readonly token?: string;
  readonly output: OutputFormat;
}

/** From the sources and from .build alike the root is where package.json is. */
function version(): string {
  for (const up of ["../../", "../../../"]) {
    const path = new URL(`${up}package.json`, import.meta.url);
    if (existsSync(path)) return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  }
  return "unknown";
}

/** What the parser of the command line has to say, until it is said. */
let said = "";

export const complaint = (): string => said;

export const program = new Command("emporion")
  .description("Looks after a cluster through its gateway.")
  .version(version(), "-V, --version", "which version this is")
  .addOption(new Option("--url <url>", "of the gateway").env("EMPORION_URL").default("http://127.0.0.1:8080"))
  .addOption(
    new Option(
      "--token <token>",
      "of the gateway, if it asks for one (better in EMPORION_TOKEN, or in the file that EMPORION_TOKEN_FILE names)",
    ).env("EMPORION_TOKEN"),
  )
  .addOption(
    new Option("-o, --output <format>", "table for people, json for programs")
      .choices(["table", "json"])
      .default("table"),
  )
  .addHelpText(
    "after",
    "\nMore: agents rm|drain|activate, frameworks rm, roles weight|rm, app deploy|ls|scale|rm, job run|put|ls|result|stop|rm, auth init|agent|framework|revoke; each has a --help." +
      '\nWith -o json errors are JSON too: {"error": {message, details, exitCode, code}} on standard error.' +
      "\nExit codes: 0 done, 1 it failed, 2 wrong command or file, 3 no cluster answers, 4 refused, 5 not done in time.",
  )
  .showSuggestionAfterError()
  .exitOverride()
  .configureOutput({ outputError: (text) => void (said += text) });

/** As services read their secrets: from the file that a variable names. */
function tokenOfFile(): string | undefined {
  const path = process.env["EMPORION_TOKEN_FILE"] || undefined;
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new Failure("usage", `EMPORION_TOKEN_FILE: ${(cause as Error).message}`);
  }
}

/** For a command that asks the gateway. */
export const reached = (): { client: Client; output: Output } => {
  const { url, token = tokenOfFile(), output } = program.opts<Globals>();
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Failure("usage", `--url: expected an address like http://127.0.0.1:8080, found ${url}`);
  return { client: new Client(token === undefined ? { url } : { url, token }), output: new Output(output) };
};

/** A command without words of its own. */
export const simple = (
  name: string,
  description: string,
  run: (client: Client, output: Output) => Promise<void>,
) =>
  program
    .command(name)
    .description(description)
    .action(async () => {
      const { client, output } = reached();
      await run(client, output);
    });

/** For a command that asks nobody. */
export const printed = (): Output => new Output(program.opts<Globals>().output);

/** Of what is done when it is taken. */
export const asks = (command: Command): Command =>
  command
    .option("--no-wait", "do not wait while nobody leads who could take it")
    .option("--timeout <seconds>", "how long to wait for somebody who leads", seconds, 300);

/** Of what is waited for until it is done. */
export const waits = (command: Command): Command =>
  command
    .option("--no-wait", "do not wait until it is done")
    .option("--timeout <seconds>", "how long to wait", seconds, 300);

/** For commander: a number of seconds. */
export function seconds(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError("Expected a number of seconds.");
  return Number(text);
}
