// The projects' own releases, for machines whose packages do not have the server. Each file is pinned by its SHA-256, as
// the project itself publishes it; README says where these come from and why Docker is not among them.
import { createHash } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runOrThrow } from "./run.mjs";
import { readZipEntry } from "./zip.mjs";

const LIMIT_MS = 120_000;

/** By tool, then by Node's name of the processor; Linux only. `file` is the program's place in the archive. */
export const RELEASES = {
  nats: {
    x64: {
      url: "https://github.com/nats-io/nats-server/releases/download/v2.10.29/nats-server-v2.10.29-linux-amd64.tar.gz",
      sha256: "e314da74a83a1d3876db8814c27eb990fe729640fd6452025b441bcede8390da",
      file: "nats-server-v2.10.29-linux-amd64/nats-server",
    },
    arm64: {
      url: "https://github.com/nats-io/nats-server/releases/download/v2.10.29/nats-server-v2.10.29-linux-arm64.tar.gz",
      sha256: "da4b27942ecfb4c5f0c54553d2e7f470ddda9d7581cfe8131b351a0e223ed401",
      file: "nats-server-v2.10.29-linux-arm64/nats-server",
    },
  },
  consul: {
    x64: {
      url: "https://releases.hashicorp.com/consul/1.16.3/consul_1.16.3_linux_amd64.zip",
      sha256: "9d0d7ad123844d43543d285cc0b3e15393d75ffa384bf84e5d64226a7f3d3132",
      file: "consul",
    },
    arm64: {
      url: "https://releases.hashicorp.com/consul/1.16.3/consul_1.16.3_linux_arm64.zip",
      sha256: "349d1a996349ee496d389464884a10bf0899bd46b2820bf6fc1dc29c49caa50b",
      file: "consul",
    },
  },
};

/** The release for this machine, or undefined. */
export function releaseFor(tool, platform = process.platform, arch = process.arch) {
  return platform === "linux" ? RELEASES[tool]?.[arch] : undefined;
}

/**
 * Downloads, checks and unpacks one program.
 * @returns the program's path under `into`.
 * @throws when the server does not answer, or answers with other bytes than those pinned.
 */
export async function fetchRelease({ url, sha256, file }, into) {
  const bytes = await download(url);
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== sha256) throw new Error(`${url}: expected SHA-256 ${sha256}, found ${found}`);
  const program = join(into, file);
  await mkdir(dirname(program), { recursive: true });
  if (url.endsWith(".zip")) {
    await writeFile(program, readZipEntry(bytes, file));
  } else {
    const archive = join(into, ".archive");
    await writeFile(archive, bytes);
    await runOrThrow("tar", ["-xzf", archive, "-C", into, file]);
    await rm(archive);
  }
  await chmod(program, 0o755);
  return program;
}

async function download(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) }).catch((error) => {
    throw new Error(`${url}: ${error.cause?.message ?? error.message}`, { cause: error });
  });
  if (!answer.ok) throw new Error(`${url}: answered ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}
