import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/**
 * Runs a program to its end without a shell and without stdin.
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, limitMs?: number, input?: string}} [options] limitMs: killed after it (default 10 min).
 * @returns what it said and how it ended; `code` is null when a signal ended it or it could not be started. Never throws.
 */
export function run(command, args, { cwd, env, limitMs = 600_000, input } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      timeout: limitMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", (error) => resolve({ code: null, stdout, stderr: error.message }));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    // A program that ends before it has read its input is judged by its exit code alone.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** As `run`, but anything but success is an error that carries the program's last lines. */
export async function runOrThrow(command, args, options) {
  const result = await run(command, args, options);
  if (result.code === 0) return result;
  const ending = result.code === null ? "could not run or was stopped" : `exit code ${result.code}`;
  throw new Error(`${command} ${args.join(" ")}: ${ending}\n${lastLines(result.stderr || result.stdout)}`);
}

export function lastLines(text, count = 12) {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** A fault of the machine or of the sources, told to the user without a stack. */
export class SetupError extends Error {}

/** PATH and the places where servers live that a plain user's PATH leaves out. */
export function searchPath() {
  const named = (process.env.PATH ?? "").split(delimiter).filter((dir) => dir !== "");
  return [
    ...new Set([...named, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
  ];
}

/** The first of the directories that holds an executable of that name, or undefined. */
export async function which(name, dirs = searchPath()) {
  for (const dir of dirs) {
    const path = join(dir, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
