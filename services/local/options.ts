import { Command, InvalidArgumentError, Option } from "commander";
import { isAbsolute, resolve } from "node:path";

/** What `npm start -- …` takes. */
export interface Options {
  readonly agents: number;
  /** Of each of master, apps, jobs and gateway: one of them leads, and the others stand by; gateways all serve. */
  readonly copies: number;
  /** Of the gateway. 0: any free one. */
  readonly port: number;
  readonly natsPort: number;
  readonly consulPort: number;
  readonly consulDnsPort: number;
  /** First and last port that tasks may get, shared out among the agents. 0: any that no other cluster of this machine has. */
  readonly taskPorts: readonly [number, number] | 0;
  /** Absolute. */
  readonly data: string;
  readonly name: string;
  /** No demo. */
  readonly empty: boolean;
  /** Tasks go on when the cluster is stopped; the next start finds them again. */
  readonly keepTasks: boolean;
}

/** @throws CommanderError after it has said on stderr what is wrong, or on stdout what there is (--help) */
export function parseOptions(argv: readonly string[], directory: string): Options {
  const parsed = new Command("npm start --")
    .description("Runs a whole cluster on this machine, with a demo in it, until Ctrl-C.")
    .option("--agents <n>", "how many agents share out the host", whole(1, 26), 3)
    .option(
      "--copies <n>",
      "of master, apps, jobs and gateway: one leads, the others stand by",
      whole(1, 9),
      1,
    )
    .option("--port <port>", "of the gateway; 0: any free one", port, 8080)
    .option("--nats-port <port>", "of nats-server, if one is started; 0: any free one", port, 4222)
    .option("--consul-port <port>", "of Consul's HTTP API, if it is started; 0: any free one", port, 8500)
    .option("--consul-dns-port <port>", "of Consul's DNS; 0: any free one", port, 8600)
    .addOption(
      new Option(
        "--task-ports <first-last>",
        "ports that tasks may get; 0: any that no other cluster here has",
      )
        .argParser(portRange)
        .default([31_000, 32_000], "31000-32000"),
    )
    .option("--data <directory>", "where the cluster keeps its state", ".emporion")
    .option("--name <name>", "of the cluster: a part of every subject on the bus", clusterName, "local")
    .option("--empty", "without the demo", false)
    .option("--keep-tasks", "leave tasks running when the cluster is stopped", false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "emporion: ")) })
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    .parse([...argv], { from: "user" })
    .opts<Options>();
  return { ...parsed, data: isAbsolute(parsed.data) ? parsed.data : resolve(directory, parsed.data) };
}

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
    return value;
  };

const port = whole(0, 65_535);

function portRange(text: string): Options["taskPorts"] {
  if (text === "0") return 0;
  const match = /^(\d+)-(\d+)$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || first < 1 || last > 65_535 || first >= last)
    throw new InvalidArgumentError("expected two ports like 31000-32000, or 0");
  return [first, last];
}

function clusterName(text: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,31}$/.test(text))
    throw new InvalidArgumentError("expected lower-case letters, digits, _ and -, at most 32");
  return text;
}
