// The machine's own packages, unpacked beside the system instead of installed into it: apt works in a directory of ours,
// reads the sources and checks the signatures that the machine has, and nothing outside is written.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  formatSources,
  newerSources,
  olderSources,
  ownSources,
  parseOsRelease,
  parseSources,
} from "./apt-sources.mjs";
import { runOrThrow, which } from "./run.mjs";

const UPDATE_LIMIT_MS = 90_000;
const DOWNLOAD_LIMIT_MS = 150_000;
/** Unpacking these beside the system would give programs a C library that does not match the loader. */
const NEVER_UNPACKED = /^(libc6|libc-bin|libgcc-s1|gcc-\d+-base|base-files|dpkg|apt|perl-base)$/;

/**
 * Opens apt for one set-up. Lists are read at the first use, once for each set of suites.
 * @param {string} dir a private directory, removed by the caller at the end
 * @returns {Promise<{download(names: string[], into: string, options?: {older?: boolean, newer?: boolean, closure?: boolean}): Promise<void>}>}
 *   older: from the suite that still has Consul; newer: from the one that has Docker Compose 2; closure: with all dependencies that this machine lacks.
 */
export async function openPackages(dir) {
  for (const tool of ["apt-get", "dpkg-deb"]) {
    if ((await which(tool)) === undefined) throw new Error(`this machine has no ${tool}`);
  }
  const system = parseOsRelease(await readFile("/etc/os-release", "utf8").catch(() => ""));
  const sources = await machineSources();
  const own = once(() => openSuites(join(dir, "own"), ownSources(sources, system.codename), system));
  const older = once(() => openSuites(join(dir, "older"), olderSources(sources, system), system));
  const newer = once(() => openSuites(join(dir, "newer"), newerSources(sources, system), system));
  return {
    async download(names, into, options = {}) {
      const suites = options.older === true ? older : options.newer === true ? newer : own;
      const conf = await suites();
      const wanted = options.closure === true ? await missingClosure(conf, names) : names;
      await unpack(conf, wanted, into);
    },
  };
}

async function machineSources() {
  const parts = "/etc/apt/sources.list.d";
  const names = await readdir(parts).catch(() => []);
  const files = ["/etc/apt/sources.list", ...names.toSorted().map((name) => join(parts, name))];
  const read = files.map(async (path) => {
    const notation = /\.(list|sources)$/.exec(path)?.[1];
    if (notation === undefined) return [];
    return parseSources(await readFile(path, "utf8").catch(() => ""), notation);
  });
  return (await Promise.all(read)).flat();
}

/** @returns the configuration file to hand to apt. */
async function openSuites(dir, sources, system) {
  if (sources.length === 0) throw new Error(`${system.name} names no package source that would have it`);
  const conf = join(dir, "apt.conf");
  await mkdir(join(dir, "lists", "partial"), { recursive: true });
  await mkdir(join(dir, "cache", "archives", "partial"), { recursive: true });
  await mkdir(join(dir, "sources.list.d"), { recursive: true });
  await writeFile(join(dir, "sources.list.d", "own.sources"), formatSources(sources));
  await writeFile(conf, configuration(dir));
  await runOrThrow("apt-get", ["-c", conf, "-q", "update"], { limitMs: UPDATE_LIMIT_MS, env: aptEnv() });
  return conf;
}

/** Read after the machine's own configuration, whose proxies and certificates stay in force. */
function configuration(dir) {
  const asRoot = process.getuid?.() === 0;
  return [
    // What a machine runs after an update is for its own state (one of these empties the system's package cache).
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    `Dir::State::Lists "${dir}/lists";`,
    `Dir::Cache "${dir}/cache";`,
    `Dir::Cache::pkgcache "pkgcache.bin";`,
    `Dir::Cache::srcpkgcache "srcpkgcache.bin";`,
    `Dir::Etc::sourcelist "/dev/null";`,
    `Dir::Etc::sourceparts "${dir}/sources.list.d";`,
    `Debug::NoLocking "true";`,
    `Acquire::Languages "none";`,
    `Acquire::Retries "2";`,
    `Acquire::http::Timeout "20";`,
    `Acquire::https::Timeout "20";`,
    // apt would otherwise become another user, who cannot write here.
    ...(asRoot ? [`APT::Sandbox::User "root";`] : []),
    "",
  ].join("\n");
}

function aptEnv() {
  return { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
}

/** What apt would install here: the named packages and every dependency that this machine has not. Nothing is installed. */
async function missingClosure(conf, names) {
  const args = ["-c", conf, "-q", "-y", "--no-install-recommends", "--print-uris", "install", ...names];
  const { stdout } = await runOrThrow("apt-get", args, { limitMs: UPDATE_LIMIT_MS, env: aptEnv() });
  // 'uri' name_version_arch.deb size hash
  return [...stdout.matchAll(/^'[^']*' ([^_\s]+)_\S+\.deb \d+/gm)]
    .map(([, name]) => name)
    .filter((name) => !NEVER_UNPACKED.test(name));
}

async function unpack(conf, names, into) {
  if (names.length === 0) return;
  await mkdir(into, { recursive: true });
  const debs = join(into, ".debs");
  await mkdir(debs);
  await runOrThrow("apt-get", ["-c", conf, "-q", "download", ...names], {
    cwd: debs,
    limitMs: DOWNLOAD_LIMIT_MS,
    env: aptEnv(),
  });
  const files = (await readdir(debs)).filter((name) => name.endsWith(".deb"));
  // One after the other: packages share directories, and dpkg-deb does not expect company.
  for (const file of files) await runOrThrow("dpkg-deb", ["-x", join(debs, file), into]);
}

function once(work) {
  let result;
  return () => (result ??= work());
}
