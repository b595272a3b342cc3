import { type Command, Option } from "commander";
import { printed, program } from "./command-line.js";

/** `auth …`: works on files, and asks no cluster. */
export function addAuthCommands(): void {
  const keys = program
    .command("auth")
    .description("who may say what on the bus: keys and the NATS servers' configuration");
  const inDirectory = (command: Command): Command =>
    command.addOption(
      new Option("--dir <directory>", "where the cluster's key is, and what is issued goes")
        .env("EMPORION_AUTH_DIR")
        .default(".emporion/keys"),
    );
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
    .action(async (id: string, { dir }: { dir: string }) =>
      (await auth()).issue(printed(), dir, "agent", id),
    );
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
}
