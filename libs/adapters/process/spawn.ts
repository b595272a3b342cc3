import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { closeSync, constants, fchownSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { enter, type Entry, type TaskGroup } from "./group.js";
import type { Program } from "./shim-words.js";

/** Where the shim lives when it does not spawn. */
export interface Home {
  readonly dirs: readonly string[];
  readonly entry: Entry;
}

/** The way home is gone after each spawn: its doors stay open. */
export class HomeDoors {
  readonly #fds: readonly number[];

  constructor({ dirs, entry }: Home) {
    this.#fds = dirs.map((dir) => openSync(join(dir, entry), "w"));
  }

  enter(): void {
    for (const fd of this.#fds) writeSync(fd, "0");
  }
}

/**
 * A child begins in the groups of its parent, so the shim enters the task's groups, spawns and goes home: the program is
 * inside from its first instruction, and needs no helper program to get there (each exec would cost as much as the
 * spawn). The spawn itself gives it the user, a session of its own and default signals.
 */
export function spawnInside(program: Program, group: TaskGroup | undefined, home: HomeDoors): ChildProcess {
  const { argv, env, directory, user } = program;
  const [file, ...rest] = argv;
  const stdout = openOutput(program.stdout, user);
  const stderr = openOutput(program.stderr, user);
  try {
    if (group !== undefined) enter(group.dirs, group.entry);
    const stdio: StdioOptions = ["ignore", stdout, stderr];
    return spawn(file!, rest, { env, cwd: directory, stdio, detached: true, ...user });
  } finally {
    if (group !== undefined) home.enter();
    closeSync(stdout);
    closeSync(stderr);
  }
}

/** Owned by the task, which may open it once more (/dev/stdout). */
function openOutput(file: string, user: Program["user"]): number {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const fd = openSync(file, flags, 0o640);
  if (user !== undefined && file !== "/dev/null") fchownSync(fd, user.uid, user.gid);
  return fd;
}
