// The flags of `npm start`. Without dependencies, for they are looked at before there are any.
import { isAbsolute, resolve } from "node:path";
import { parseArgs } from "node:util";

/** Flags that cannot be understood, a line each. */
export class UsageError extends Error {}

const FLAGS = {
  agents: { value: "N", words: "agents that share out the host", usual: "3", read: whole(1, 26) },
  copies: {
    value: "N",
    words: "of master, apps, jobs and gateway: one leads, the others stand by",
    usual: "1",
    read: whole(1, 9),
  },
  port: { value: "PORT", words: "of the gateway; 0: any free one", usual: "8080", read: whole(0, 65_535) },
  "nats-port": {
    value: "PORT",
    words: "of nats-server, if one is started; 0: any free one",
    usual: "4222",
    read: whole(0, 65_535),
  },
  "consul-port": {
    value: "PORT",
    words: "of Consul's HTTP API, if it is started; 0: any free one",
    usual: "8500",
    read: whole(0, 65_535),
  },
  "consul-dns-port": {
    value: "PORT",
    words: "of Consul's DNS; 0: any free one",
    usual: "8600",
    read: whole(0, 65_535),
  },
  "task-ports": {
    value: "A-B",
    words: "ports that tasks may get; 0: any that no other cluster here has",
    usual: "31000-32000",
    read: portRange,
  },
  data: { value: "DIR", words: "where the cluster keeps its state", usual: ".emporion", read: text },
  name: {
    value: "NAME",
    words: "of the cluster: a part of every subject on the bus",
    usual: "local",
    read: clusterName,
  },
  empty: { words: "without the demo" },
  "keep-tasks": { words: "leave tasks running when the cluster is stopped" },
};

/** @returns {import("./options.mjs").Options | { help: string }} @throws {UsageError} */
export function parseOptions(argv, directory) {
  const { tokens } = parseArgs({ args: [...argv], options: parsed(), strict: false, tokens: true });
  if (tokens.some(({ kind, name }) => kind === "option" && (name === "help" || name === "h")))
    return { help: help() };
  const given = {};
  const faults = [];
  for (const token of tokens) {
    try {
      Object.assign(given, givenBy(token));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) throw new UsageError(faults.join("\n  "));
  for (const [name, { usual, read }] of Object.entries(FLAGS))
    given[camelCase(name)] ??= read === undefined ? false : read(usual);
  const { data } = given;
  return { ...given, data: isAbsolute(data) ? data : resolve(directory, data) };
}

function givenBy(token) {
  if (token.kind === "option-terminator") return {};
  if (token.kind === "positional") throw new UsageError(`npm start takes flags only, found ${token.value}`);
  const flag = Object.hasOwn(FLAGS, token.name) ? FLAGS[token.name] : undefined;
  if (flag === undefined)
    throw new UsageError(`there is no flag ${token.rawName}; there are --${Object.keys(FLAGS).join(", --")}`);
  return { [camelCase(token.name)]: valueOf(token, flag) };
}

const parsed = () =>
  Object.fromEntries([
    ...Object.entries(FLAGS).map(([name, { read }]) => [
      name,
      { type: read === undefined ? "boolean" : "string" },
    ]),
    ["help", { type: "boolean", short: "h" }],
  ]);

function valueOf({ rawName, value }, { read, value: form }) {
  if (read === undefined) {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value, found ${value}`);
    return true;
  }
  if (value === undefined) throw new UsageError(`${rawName} ${form}: expected a value, found none`);
  try {
    return read(value);
  } catch (error) {
    throw error instanceof UsageError
      ? new UsageError(`${rawName} ${form}: ${error.message}, found ${value}`)
      : error;
  }
}

const camelCase = (name) => name.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase());

function help() {
  const rows = Object.entries(FLAGS).map(([name, { value = "", words, usual }]) => [
    `--${name} ${value}`,
    usual === undefined ? words : `${words} (${usual})`,
  ]);
  const lines = [...rows, ["--help", "this"]].map(([flag, words]) => `  ${flag.padEnd(24)} ${words}`);
  return `Usage: npm start -- [flags]\n\nRuns a whole cluster on this machine, with a demo in it, until Ctrl-C.\n\n${lines.join("\n")}`;
}

function whole(least, most) {
  return (given) => {
    const value = given.trim() === "" ? Number.NaN : Number(given);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(`expected a whole number from ${least} to ${most}`);
    return value;
  };
}

function portRange(given) {
  if (given === "0") return 0;
  const match = /^(\d+)-(\d+)$/.exec(given);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || first < 1 || last > 65_535 || first >= last)
    throw new UsageError("expected two ports like 31000-32000, or 0");
  return [first, last];
}

function clusterName(given) {
  if (!/^[a-z0-9][a-z0-9_-]{0,31}$/.test(given))
    throw new UsageError("expected lower-case letters, digits, _ and -, at most 32");
  return given;
}

function text(given) {
  if (given === "") throw new UsageError("expected a directory");
  return given;
}
