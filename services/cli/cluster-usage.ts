import { InvalidArgumentError, Option } from "commander";
import { taskStates } from "#protocol/task-states.js";
import type { Waiting } from "./asking.js";
import * as cluster from "./cluster-commands.js";
import { asks, program, reached, seconds, simple } from "./command-line.js";
import * as drain from "./drain-commands.js";
import { explain } from "./explain-command.js";
import { Failure } from "./failure.js";
import * as log from "./log-commands.js";

/** `status`, `agents`, `frameworks`, `roles`, `offers`, `services`. */
export function addClusterCommands(): void {
  simple("status", "the cluster at a glance", cluster.status);
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
}

/** `tasks`, `explain`, `logs`, `events`. */
export function addLooks(): void {
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
}

function bytes(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected a number of bytes.");
  return Number(text);
}

function weightOf(text: string): number {
  const weight = Number(text);
  if (text.trim() !== "" && weight > 0 && weight <= 1_000_000) return weight;
  throw new Failure("usage", `weight: expected a number above 0, at most 1000000, found ${text}`);
}
