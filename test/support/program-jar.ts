import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";

/**
 * Compiles Program.java into a JAR; its path.
 * @param jdkHome of a JDK 17 or later, with a compiler
 */
export function buildProgramJar(jdkHome: string, directory: string): string {
  // Not beside this file: benchmarks run what is compiled.
  const source = join(ROOT, "test", "support", "Program.java");
  const run = (program: string, args: readonly string[]) =>
    execFileSync(join(jdkHome, "bin", program), args, { stdio: "ignore" });
  run("javac", ["-nowarn", "-d", directory, source]);
  const jar = join(directory, "program.jar");
  run("jar", ["--create", "--file", jar, "--main-class", "Program", "-C", directory, "Program.class"]);
  return jar;
}
