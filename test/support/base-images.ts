import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type Docker from "dockerode";

/** An image of what this machine has: no registry is asked. */
export interface BaseImage {
  /** As a file names it: `nats:2.10-alpine`. */
  readonly name: string;
  /** Where it is there → where it is here. What they are linked with comes along. */
  readonly programs: Readonly<Record<string, string>>;
  /** Instructions as in a Dockerfile: `ENTRYPOINT […]`. */
  readonly changes: readonly string[];
}

const run = promisify(execFile);

/** With busybox as its shell and tools, and the user `node` that the official image of Node has. */
export async function makeBaseImage(
  docker: Docker,
  busybox: string,
  { name, programs, changes }: BaseImage,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "emporion-image-"));
  try {
    await addBusybox(root, busybox);
    addUsers(root);
    for (const [there, here] of Object.entries(programs)) {
      addProgram(root, there, here);
      for (const library of await librariesOf(here)) addProgram(root, library, library);
    }
    await importDirectory(docker, root, name, changes);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function addBusybox(root: string, busybox: string): Promise<void> {
  addProgram(root, "/bin/busybox", busybox);
  const { stdout } = await run(busybox, ["--list"]);
  for (const applet of stdout.split("\n"))
    if (applet !== "" && applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  // Where a program's first line looks for it.
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  symlinkSync("/bin/busybox", join(root, "usr/bin/env"));
}

function addUsers(root: string): void {
  for (const directory of ["etc", "root", "home/node", "var", "run", "usr/local/bin"])
    mkdirSync(join(root, directory), { recursive: true });
  mkdirSync(join(root, "tmp"));
  chmodSync(join(root, "tmp"), 0o1777);
  const users = [
    "root:x:0:0:root:/root:/bin/sh",
    "node:x:1000:1000::/home/node:/bin/sh",
    "nobody:x:65534:65534::/:/bin/false",
  ];
  writeFileSync(join(root, "etc/passwd"), `${users.join("\n")}\n`);
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n");
}

function addProgram(root: string, there: string, here: string): void {
  const path = join(root, there);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(realpathSync(here), path);
  chmodSync(path, 0o755);
}

/** Absolute paths, the loader's among them; none for a static program. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run("ldd", [program]).catch(() => ({ stdout: "" }));
  return [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path]) => path!);
}

async function importDirectory(
  docker: Docker,
  root: string,
  name: string,
  changes: readonly string[],
): Promise<void> {
  const tar = spawn("tar", ["--owner=0", "--group=0", "-C", root, "-c", "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [repo, tag] = name.split(":");
  const answers = await docker.importImage(tar.stdout, { repo, tag, changes: [...changes] });
  await new Promise<void>((done, failed) =>
    docker.modem.followProgress(answers, (error) => (error === null ? done() : failed(error))),
  );
}
