/** `npm run bench -- <name> [--json]`: each benchmark is a file beside this one that exports `run`. */
const benches: Record<string, () => Promise<{ readonly run: (options: BenchOptions) => Promise<void> }>> = {
  offers: () => import("./offers.js"),
  launch: () => import("./launch.js"),
  allocator: () => import("./allocator.js"),
  failover: () => import("./failover.js"),
  scale: () => import("./scale.js"),
  soak: () => import("./soak.js"),
};

export interface BenchOptions {
  /** Only the JSON, for programs. */
  readonly json: boolean;
  /** What was given after the name. */
  readonly args: readonly string[];
}

const [name = "", ...args] = process.argv.slice(2);
const load = benches[name];
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(benches).join("|")} [--json]\n`);
  process.exitCode = 2;
} else {
  const { run } = await load();
  await run({ json: args.includes("--json"), args: args.filter((arg) => arg !== "--json") });
}
