import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { LaunchFailure } from "#libs/core/launch.js";
import { fail, ok, type Result } from "#protocol/result.js";

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What can be seen before the start is said in words, before anything was started. */
export function findCommand(command: string, directory: string, path: string): Result<string, LaunchFailure> {
  if (command.includes("/")) {
    const file = isAbsolute(command) ? command : join(directory, command);
    if (isExecutable(file)) return ok(file);
    return missing(isFile(file) ? `${file} is not executable` : `there is no file ${file}`);
  }
  for (const dir of path.split(delimiter).filter(Boolean)) {
    const file = join(isAbsolute(dir) ? dir : join(directory, dir), command);
    if (isExecutable(file)) return ok(file);
  }
  return missing(`${command} not found in PATH (${path})`);
}

export function checkDirectory(directory: string): Result<void, LaunchFailure> {
  try {
    if (statSync(directory).isDirectory()) return ok(undefined);
    return fail({ reason: "launch-failed", message: `working directory ${directory} is not a directory` });
  } catch (cause) {
    return fail({
      reason: "launch-failed",
      message: `working directory ${directory}: ${(cause as Error).message}`,
    });
  }
}

const missing = (message: string): Result<string, LaunchFailure> =>
  fail({ reason: "command-missing", message });

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return isFile(file);
  } catch {
    return false;
  }
}
