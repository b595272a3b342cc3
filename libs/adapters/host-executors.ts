import type { HostExecutorOptions } from "./process/executor.js";
import { JvmExecutor } from "./jvm/executor.js";
import { usualRoots } from "./jvm/jdks.js";
import { ProcessExecutor } from "./process/executor.js";
import { Launcher, type LauncherOptions } from "./process/launcher.js";

export interface HostExecutorsOptions extends LauncherOptions, Omit<HostExecutorOptions, "launcher"> {
  /** More places to look for JDKs than the usual ones, JAVA_HOME and PATH. */
  readonly jdkRoots?: readonly string[];
  /** JAVA_HOME and PATH of the agent. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The executors whose tasks are processes of the host. They share one shim; closing either lets go of it. */
export function hostExecutors(options: HostExecutorsOptions): readonly [ProcessExecutor, JvmExecutor] {
  const { jdkRoots = [], env, ...rest } = options;
  const shared = { ...rest, launcher: new Launcher(rest) };
  const jdks = { roots: [...jdkRoots, ...usualRoots], javaHome: env["JAVA_HOME"], path: env["PATH"] };
  return [new ProcessExecutor(shared), new JvmExecutor({ ...shared, jdks })];
}
