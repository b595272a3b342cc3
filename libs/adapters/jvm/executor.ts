import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkDirectory } from "#libs/adapters/process/commands.js";
import {
  directoryOf,
  envOf,
  type HostCommand,
  HostExecutor,
  type HostExecutorOptions,
} from "#libs/adapters/process/executor.js";
import { taskExit } from "#libs/adapters/process/exit.js";
import type { TaskEnd } from "#libs/adapters/process/records.js";
import { closedAbove } from "#libs/adapters/process/permissions.js";
import type { User } from "#libs/adapters/process/users.js";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { JvmWorkload } from "#protocol/task.js";
import { commandLine } from "./command-line.js";
import { javaExit } from "./exit.js";
import { chooseJdk, findJdks, type Jdk, type JdkPlaces } from "./jdks.js";

export interface JvmExecutorOptions extends HostExecutorOptions {
  readonly jdks: JdkPlaces;
}

/** Runs Java programs as processes of the host: finds the JDK, derives the heap, and knows what a JVM's end means. */
export class JvmExecutor extends HostExecutor {
  readonly kind = "jvm";
  #jdks: readonly Jdk[] | undefined;

  constructor(protected override readonly options: JvmExecutorOptions) {
    super(options);
  }

  async detect(): Promise<Result<ExecutorInfo, string>> {
    this.#jdks = findJdks(this.options.jdks);
    const [latest] = this.#jdks;
    if (latest === undefined)
      return fail(`no JDK found: none in ${this.options.jdks.roots.join(", ")}, JAVA_HOME or PATH`);
    const detected = await this.detectLauncher();
    if (!detected.ok) return detected;
    const { warnings } = detected.value;
    return ok({ kind: this.kind, version: latest.version, jdks: [...this.#jdks], warnings });
  }

  protected command(
    { spec, ...order }: LaunchOrder,
    sandbox: string,
    user: User,
  ): Result<HostCommand, LaunchFailure> {
    const { workload } = spec;
    if (workload.kind !== "jvm")
      return fail({
        reason: "executor-unavailable",
        message: `the jvm executor cannot run a ${workload.kind}`,
      });
    const jdk = this.#chooseJdk(workload.version);
    if (!jdk.ok) return jdk;
    const directory = directoryOf(workload, sandbox);
    const there = checkDirectory(directory);
    if (!there.ok) return there;
    const found = checkProgram(workload, sandbox);
    if (!found.ok) return found;
    const base = baseFor(sandbox, directory, user);
    const fromSandbox = (path: string) => resolve(base, path);
    const argv = commandLine({ java: join(jdk.value.home, "bin", "java"), spec, workload, fromSandbox });
    if (!argv.ok) return fail({ reason: "launch-failed", message: argv.error });
    // Nothing of the agent's environment comes in, so no JAVA_TOOL_OPTIONS but the task's own.
    const env = { JAVA_HOME: jdk.value.home, ...envOf({ spec, ...order }, sandbox) };
    return ok({ argv: argv.value, directory, env });
  }

  protected override exitOf({ spec }: LaunchOrder, end: TaskEnd): TaskExit {
    return javaExit(taskExit(spec, end), this.options.sandbox(spec.id));
  }

  #chooseJdk(asked: string | undefined): Result<Jdk, LaunchFailure> {
    const jdks = (this.#jdks ??= findJdks(this.options.jdks));
    const jdk = chooseJdk(jdks, asked);
    if (jdk !== undefined) return ok(jdk);
    const have = jdks.map(({ version }) => version).join(", ") || "none";
    return fail({
      reason: "executor-unavailable",
      message: `no JDK ${asked ?? ""} on this host; it has ${have}`,
    });
  }
}

/**
 * A JVM makes every path absolute. Where its user may not enter a directory above the sandbox (a clone in root's home), the
 * way through its own working directory is open to it all the same.
 */
function baseFor(sandbox: string, directory: string, user: User): string {
  return directory === sandbox && closedAbove(sandbox, user) !== undefined ? "/proc/self/cwd" : sandbox;
}

/** What a JVM would say with exit code 1 and a stack trace is said before it starts, where it can be seen. */
function checkProgram(workload: JvmWorkload, sandbox: string): Result<void, LaunchFailure> {
  const { jar, mainClass, classPath = ["."] } = workload;
  const missing = (message: string): Result<void, LaunchFailure> =>
    fail({ reason: "artifact-missing", message });
  if (jar !== undefined) {
    const file = resolve(sandbox, jar);
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return ok(undefined);
    return missing(`there is no JAR ${jar}${file === jar ? "" : " in the sandbox"}`);
  }
  if (mainClass === undefined)
    return fail({ reason: "launch-failed", message: "neither jar nor mainClass is given" });
  const entries = classPath.map((entry) => resolve(sandbox, entry));
  const areDirectories = entries.every(
    (entry) => statSync(entry, { throwIfNoEntry: false })?.isDirectory() ?? true,
  );
  const file = `${mainClass.replaceAll(".", "/")}.class`;
  // A JAR's content we do not look into: the JVM tells.
  if (!areDirectories || classPath.some((entry) => entry.endsWith("*"))) return ok(undefined);
  if (entries.some((entry) => existsSync(join(entry, file)))) return ok(undefined);
  return missing(`there is no class ${mainClass} in the class path ${classPath.join(":")}`);
}
