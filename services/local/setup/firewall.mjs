// An engine writes packet filter rules and turns forwarding on, and leaves both behind. This notes what was there before,
// and puts it back: the rules of our bridge always, what engines share only when ours was the last.
import { readFile, writeFile } from "node:fs/promises";
import { overlap } from "./bridge.mjs";
import { run } from "./run.mjs";

const COMMANDS = ["iptables", "ip6tables"];
const TABLES = ["nat", "filter", "raw"];
const SWITCHES = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"];

/** What an engine will change. */
export async function noteFirewall(env) {
  const policies = {};
  for (const command of COMMANDS) {
    const { stdout } = await run(command, ["-w", "-S", "FORWARD"], { env });
    const policy = /^-P FORWARD (\w+)/m.exec(stdout)?.[1];
    if (policy !== undefined) policies[command] = policy;
  }
  const switches = {};
  for (const path of SWITCHES) {
    const value = await readFile(path, "utf8").catch(() => undefined);
    if (value !== undefined) switches[path] = value.trim();
  }
  return { policies, switches };
}

/**
 * @param {{env: NodeJS.ProcessEnv, bridge: string, subnet: string, before: object, isLast: boolean}} engine
 *   isLast: no other engine runs on this machine
 */
export async function restoreFirewall({ env, bridge, subnet, before, isLast }) {
  for (const command of COMMANDS) {
    for (const table of TABLES) {
      const saved = await run(`${command}-save`, ["-t", table], { env });
      const script = removalScript(saved.stdout, { table, bridge, subnet, isLast });
      if (script !== "") await run(`${command}-restore`, ["-w", "-n"], { env, input: script });
    }
  }
  if (!isLast) return;
  for (const [command, policy] of Object.entries(before.policies)) {
    await run(command, ["-w", "-P", "FORWARD", policy], { env });
  }
  for (const [path, value] of Object.entries(before.switches)) {
    const now = await readFile(path, "utf8").catch(() => value);
    if (now.trim() !== value) await writeFile(path, value).catch(() => {});
  }
}

/** The rules of every table, before an engine starts: it empties the shared chains of whoever else is there. */
export async function saveRules(env) {
  const saved = [];
  for (const command of COMMANDS) {
    for (const table of TABLES) {
      const { stdout } = await run(`${command}-save`, ["-t", table], { env });
      saved.push({ command, table, rules: stdout });
    }
  }
  return saved;
}

/** Puts back what the engine's start took from others; its own rules it has made anew. */
export async function giveBackRules({ env, saved, bridge, subnet }) {
  for (const { command, table, rules } of saved) {
    const now = await run(`${command}-save`, ["-t", table], { env });
    const script = givingBackScript(rules, now.stdout, { table, bridge, subnet });
    if (script !== "") await run(`${command}-restore`, ["-w", "-n"], { env, input: script });
  }
}

/** The input for iptables-restore that inserts, in their order, the rules of shared chains that were there and are not any more. */
export function givingBackScript(before, now, { table, bridge, subnet }) {
  const there = new Set(now.split("\n"));
  const lost = before
    .split("\n")
    .filter((line) => line.startsWith("-A DOCKER") && !there.has(line) && !mentions(line, bridge, subnet))
    .filter((rule) => now.includes(`\n:${chainOf(rule)} `));
  // Each goes to the top of its chain, above the closing RETURN, so the last one comes first.
  const commands = lost.toReversed().map((rule) => rule.replace(/^-A/, "-I"));
  return commands.length === 0 ? "" : `*${table}\n${commands.join("\n")}\nCOMMIT\n`;
}

/**
 * From what iptables-save says, the input for iptables-restore that takes the engine's rules away; "" when there is nothing
 * to do. The chains that every engine shares go only with the last one, and only when nobody has put rules of his own there.
 */
export function removalScript(saved, { table, bridge, subnet, isLast }) {
  const rules = saved.split("\n").filter((line) => line.startsWith("-A "));
  const ours = rules.filter((rule) => mentions(rule, bridge, subnet));
  const rest = rules.filter((rule) => !ours.includes(rule));
  const chains = [...saved.matchAll(/^:(DOCKER\S*) /gm)].map(([, name]) => name);
  const inShared = rest.filter((rule) => chains.includes(chainOf(rule)));
  const isUnused = inShared.every((rule) => / -j (RETURN|DOCKER\S*)$/.test(rule) && !/ -[iosd] /.test(rule));
  const goes = isLast && isUnused ? chains : [];
  const jumps = rest.filter(
    (rule) => !chains.includes(chainOf(rule)) && goes.includes(/ -j (\S+)$/.exec(rule)?.[1]),
  );
  const commands = [
    ...[...ours, ...jumps].map((rule) => rule.replace(/^-A/, "-D")),
    ...goes.map((chain) => `-F ${chain}`),
    ...goes.map((chain) => `-X ${chain}`),
  ];
  return commands.length === 0 ? "" : `*${table}\n${commands.join("\n")}\nCOMMIT\n`;
}

function mentions(rule, bridge, subnet) {
  const words = rule.split(" ");
  const values = words.filter((_, i) => ["-i", "-o", "-s", "-d"].includes(words[i - 1]));
  return values.some(
    (value) => value === bridge || (/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(value) && overlap(value, subnet)),
  );
}

function chainOf(rule) {
  return rule.split(" ")[1];
}
