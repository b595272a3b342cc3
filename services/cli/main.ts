import { existsSync, readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { taskStates } from "#protocol/task-states.js";
import * as app from "./app-commands.js";
import type { Waiting } from "./asking.js";
import { complaintText, failureText } from "./complaint.js";
import { Client } from "./client.js";
import * as cluster from "./cluster-commands.js";
import { explain } from "./explain-command.js";
import * as drain from "./drain-commands.js";
import { exitCodes, Failure } from "./failure.js";
import * as job from "./job-commands.js";
import { putJobs } from "./job-files.js";
import * as log from "./log-commands.js";
import { Output, type OutputFormat } from "./output.js";

interface Globals {
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
let complaint = "";

const program = new Command("emporion")
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
  .configureOutput({ outputError: (text) => void (complaint += text) });

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

const reached = (): { client: Client; output: Output } => {
  const { url, token = tokenOfFile(), output } = program.opts<Globals>();
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Failure("usage", `--url: expected an address like http://127.0.0.1:8080, found ${url}`);
  return { client: new Client(token === undefined ? { url } : { url, token }), output: new Output(output) };
};

const simple = (name: string, description: string, run: (client: Client, output: Output) => Promise<void>) =>
  program
    .command(name)
    .description(description)
    .action(async () => {
      const { client, output } = reached();
      await run(client, output);
    });

simple("status", "the cluster at a glance", cluster.status);
/** Of what is done when it is taken. */
const asks = (command: Command): Command =>
  command
    .option("--no-wait", "do not wait while nobody leads who could take it")
    .option("--timeout <seconds>", "how long to wait for somebody who leads", seconds, 300);

const agents = simple("agents", "hosts: what they have and what is used", cluster.agents);
asks(agents.command("rm <id>"))
  .description("give up an unreachable agent for good: its tasks count as lost; once more: forget its id")
  .option("--force", "also one that the leader still waits for", false)
  .action(async (id: string, options: cluster.RemovalOptions) => {
    const { client, output } = reached();
    await cluster.removeAgent(client, output, id, options);
  });
agents
  .command("drain <id>")
  .description("empty an agent: no new tasks, those that are there move elsewhere; jobs run on")
  .option(
    "--deadline <seconds>",
    "what still runs after so long is ended; it is let go on unless given",
    seconds,
  )
  .option("--no-wait", "do not wait until it is empty")
  .option(
    "--timeout <seconds>",
    "how long to wait; a minute more than the deadline, or 300 without one",
    seconds,
  )
  .action(async (id: string, options: drain.DrainOptions) => {
    const { client, output } = reached();
    await drain.drain(client, output, id, options);
  });
asks(agents.command("activate <id>"))
  .description("end an agent's drain: it takes tasks again")
  .action(async (id: string, waiting: Waiting) => {
    const { client, output } = reached();
    await drain.activate(client, output, id, waiting);
  });
const frameworks = simple("frameworks", "schedulers: their shares and what they want", cluster.frameworks);
asks(frameworks.command("rm <id>"))
  .description("forget a framework that is away; its tasks are ended")
  .option("--force", "also one that is connected, or that a new leader still waits for", false)
  .action(async (id: string, options: cluster.RemovalOptions) => {
    const { client, output } = reached();
    await cluster.removeFramework(client, output, id, options);
  });
const roles = simple("roles", "how frameworks share the cluster: weights and shares", cluster.roles);
asks(roles.command("weight <name> <weight>"))
  .description("set a role's weight: with 2 it gets twice of what one with 1 gets; 1 unless set")
  .action(async (name: string, text: string, waiting: Waiting) => {
    const { client, output } = reached();
    await cluster.setWeight(client, output, name, { ...waiting, weight: weightOf(text) });
  });
asks(roles.command("rm <name>"))
  .description("take back what was set of a role: weight 1 and no limit from then on")
  .action(async (name: string, waiting: Waiting) => {
    const { client, output } = reached();
    await cluster.removeRole(client, output, name, waiting);
  });
simple("offers", "what is on offer now, and to whom", cluster.offers);
simple("services", "where the running services are", cluster.services);

program
  .command("tasks [what]")
  .description(
    "what runs, and where: all, or of an app (/demo/web), a job (demo.pi), framework:ID; one task by its id",
  )
  .option("-a, --all", "ended ones too", false)
  .option("--framework <id>", "only of this framework")
  .option("--agent <id>", "only on this agent")
  .addOption(new Option("--state <state>", "only in this state").choices(taskStates))
  .option("--name <name>", "only of this app or job")
  .action(
    async (
      what: string | undefined,
      { all, ...filter }: { all: boolean } & Record<string, string | undefined>,
    ) => {
      const { client, output } = reached();
      await cluster.tasks(client, output, what, filter, all);
    },
  );

program
  .command("explain <what>")
  .description(
    "why an app (/demo/web or app:/demo/web), a job (demo.pi or job:demo.pi) or a framework (framework:apps) is not placed; how a task (its id or task:ID) stands",
  )
  .option("--agent <id>", "why not on this agent")
  .action(async (what: string, options: { agent?: string }) => {
    const { client, output } = reached();
    await explain(client, output, what, options);
  });

program
  .command("logs <what>")
  .description(
    "what a task writes: by its id, or by the app (/demo/web) or job (demo.pi) when it has one task",
  )
  .option("-f, --follow", "stay until the task ends")
  .option("--stderr", "what it writes to stderr")
  .option("--tail <bytes>", "begin so many bytes before the end", bytes)
  .action(async (what: string, options: log.LogOptions) => log.logs(reached().client, what, options));

program
  .command("events")
  .description("what has happened in the cluster; with -f what happens")
  .option("-f, --follow", "stay and show what comes")
  .option("--all", "with -f: begin with what is kept")
  .action(async (options: { follow?: boolean; all?: boolean }) => {
    const { client, output } = reached();
    await log.events(client, output, options);
  });

function bytes(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected a number of bytes.");
  return Number(text);
}

function weightOf(text: string): number {
  const weight = Number(text);
  if (text.trim() !== "" && weight > 0 && weight <= 1_000_000) return weight;
  throw new Failure("usage", `weight: expected a number above 0, at most 1000000, found ${text}`);
}

function seconds(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError("Expected a number of seconds.");
  return Number(text);
}

const waits = (command: Command): Command =>
  command
    .option("--no-wait", "do not wait until it is done")
    .option("--timeout <seconds>", "how long to wait", seconds, 300);

const apps = program.command("app").description("long-running services");
waits(
  apps.command("deploy <file>").description("deploy the apps of a JSON or YAML file (- for standard input)"),
).action(async (file: string, waiting: Waiting) => {
  const { client, output } = reached();
  await app.deploy(client, output, file, waiting);
});
apps
  .command("ls")
  .description("all apps")
  .action(async () => {
    const { client, output } = reached();
    await app.list(client, output);
  });
waits(apps.command("scale <id> <instances>").description("change the number of instances")).action(
  async (id: string, instances: string, waiting: Waiting) => {
    const { client, output } = reached();
    await app.scale(client, output, id, instances, waiting);
  },
);
waits(apps.command("rm <id>").description("end an app's tasks and forget it")).action(
  async (id: string, waiting: Waiting) => {
    const { client, output } = reached();
    await app.remove(client, output, id, waiting);
  },
);

const jobs = program.command("job").description("batch programs");
waits(
  jobs
    .command("run <what>")
    .description("run a job: by its id, or from a JSON or YAML file, which is submitted first")
    .option("--replace", "also when another definition is there: the file's takes its place", false),
).action(async (what: string, waiting: job.RunOptions) => {
  const { client, output } = reached();
  await job.run(client, output, what, waiting);
});
asks(jobs.command("put <file>"))
  .description("submit the jobs of a JSON or YAML file, or change those that are there; nothing is run")
  .action(async (file: string, waiting: Waiting) => {
    const { client, output } = reached();
    await putJobs(client, output, file, waiting);
  });
jobs
  .command("ls")
  .description("all jobs")
  .action(async () => {
    const { client, output } = reached();
    await job.list(client, output);
  });
jobs
  .command("result <id> [run]")
  .description("how a run ended: the last one unless named")
  .action(async (id: string, run: string | undefined) => {
    const { client, output } = reached();
    await job.result(client, output, id, run);
  });
asks(jobs.command("stop <id> [run]"))
  .description("stop a run: the only active one unless named")
  .action(async (id: string, run: string | undefined, waiting: Waiting) => {
    const { client, output } = reached();
    await job.stop(client, output, id, { ...waiting, run });
  });
asks(jobs.command("rm <id>"))
  .description("forget a job")
  .option("--stop", "stop its active runs first", false)
  .action(async (id: string, options: Waiting & { stop: boolean }) => {
    const { client, output } = reached();
    await job.remove(client, output, id, options);
  });

const keys = program
  .command("auth")
  .description("who may say what on the bus: keys and the NATS servers' configuration");
const inDirectory = (command: Command): Command =>
  command.addOption(
    new Option("--dir <directory>", "where the cluster's key is, and what is issued goes")
      .env("EMPORION_AUTH_DIR")
      .default(".emporion/keys"),
  );
const printed = (): Output => new Output(program.opts<Globals>().output);
/** Keys and schemas are loaded by who needs them: every other command would start half a second later. */
const auth = () => import("./auth-commands.js");
inDirectory(keys.command("init"))
  .description(
    "make the cluster's key, if there is none, the servers' configuration, and what masters, gateways, apps and jobs need",
  )
  .option("--cluster <name>", "of the cluster", "local")
  .action(async ({ dir, cluster }: { dir: string; cluster: string }) =>
    (await auth()).init(printed(), dir, cluster),
  );
inDirectory(keys.command("agent <id>"))
  .description("credentials and key of an agent; the servers need not hear of it")
  .action(async (id: string, { dir }: { dir: string }) => (await auth()).issue(printed(), dir, "agent", id));
inDirectory(keys.command("framework <id>"))
  .description("credentials of a framework; the servers need not hear of it")
  .addOption(new Option("--serves <api>", "it is one of ours, under this id").choices(["apps", "jobs"]))
  .action(async (id: string, { dir, serves }: { dir: string; serves?: "apps" | "jobs" }) =>
    (await auth()).issue(printed(), dir, serves ?? "framework", id),
  );
inDirectory(keys.command("revoke <kind> [id]"))
  .description("what was issued to it until now does not count any more")
  .option("--force", "also when nothing that was issued to it is in the directory", false)
  .action(async (kind: string, id: string | undefined, { dir, force }: { dir: string; force: boolean }) =>
    (await auth()).revoke(printed(), dir, kind, id, force),
  );

process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code === "EPIPE") process.exit(0);
});

try {
  await program.parseAsync();
} catch (cause) {
  process.exitCode = ended(cause);
}

function ended(cause: unknown): number {
  const isJson = program.opts<Partial<Globals>>().output === "json";
  if (cause instanceof CommanderError) {
    const text = complaintText(program, process.argv.slice(2), { complaint, code: cause.code });
    if (cause.exitCode === 0 || !isJson) {
      process.stderr.write(text);
      return cause.exitCode === 0 ? 0 : exitCodes.usage;
    }
    const [message = "", ...details] = text.trim().split("\n");
    return ended(
      new Failure(
        "usage",
        message.replace(/^emporion: /, ""),
        details.map((line) => line.trim()),
      ),
    );
  }
  if (!(cause instanceof Failure)) throw cause;
  process.stderr.write(failureText(cause, { isJson }));
  return cause.exitCode;
}
