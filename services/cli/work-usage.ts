import * as app from "./app-commands.js";
import type { Waiting } from "./asking.js";
import { asks, program, reached, waits } from "./command-line.js";
import * as job from "./job-commands.js";
import { putJobs } from "./job-files.js";

/** `app …` */
export function addAppCommands(): void {
  const apps = program.command("app").description("long-running services");
  waits(
    apps
      .command("deploy <file>")
      .description("deploy the apps of a JSON or YAML file (- for standard input)"),
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
}

/** `job …` */
export function addJobCommands(): void {
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
}
