import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The cut, enforced: who may import whom, and no clocks, dice or timers outside the rim. The simulator rests on it.
 */
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Files that connect machines to the world: they may import ports, machinery and adapters, and hold no rule. */
const wiring =
  /\/(main|module|perform(-[a-z]+)?|settings|config|start|runtime|serve|service|inbound|replies|[a-z-]+-wiring)\.ts$/;
/** Services that are themselves a rim: an HTTP server, a terminal, a supervisor of processes. */
const rims = /^services\/(gateway|cli|local)\//;

interface Rule {
  readonly what: RegExp;
  readonly may: readonly RegExp[];
}

const own = (folder: string) => new RegExp(`^${folder}[/.]`);
const pure = [own("protocol"), own("libs/core"), own("libs/machine/machine"), /^typebox/];
const machinery = [
  own("libs/ports"),
  own("libs/machine"),
  own("libs/adapters"),
  /^rxjs$/,
  /^inversify$/,
  /^typebox/,
];

/** The first rule whose `what` matches a file says what it may import: files by their path, packages by their name. */
const rules: readonly Rule[] = [
  { what: own("protocol"), may: [own("protocol"), /^typebox/] },
  { what: own("libs/core"), may: [own("protocol"), own("libs/core")] },
  {
    what: own("libs/ports"),
    may: [own("protocol"), own("libs/core"), own("libs/ports"), /^rxjs$/, /^inversify$/],
  },
  { what: own("libs/machine"), may: [...pure, own("libs/ports"), own("libs/machine"), /^rxjs$/, /^typebox/] },
  {
    what: own("libs/adapters"),
    may: [...pure, own("libs/ports"), own("libs/machine"), own("libs/adapters"), /^(?!#)[^/]/],
  },
  {
    what: own("libs/sim"),
    may: [
      ...pure,
      own("libs/ports"),
      own("libs/machine"),
      own("libs/sim"),
      /^rxjs$/,
      /^inversify$/,
      /^node:/,
    ],
  },
  { what: /^libs\/framework\/examples\//, may: [own("libs/framework"), ...pure] },
  { what: own("libs/framework"), may: [own("libs/framework"), ...pure] },
  { what: rims, may: [] },
  { what: /^services\/(apps|jobs)\//, may: [own("libs/framework"), ...pure] },
  { what: own("services"), may: pure },
];

const banned = [
  { pattern: /\bDate\.now\b/, name: "Date.now" },
  { pattern: /\bnew Date\(\)/, name: "new Date()" },
  { pattern: /\bMath\.random\b/, name: "Math.random" },
  { pattern: /\brandomUUID\b/, name: "randomUUID" },
  { pattern: /\bsetTimeout\b/, name: "setTimeout" },
  { pattern: /\bsetInterval\b/, name: "setInterval" },
  { pattern: /\bperformance\.now\b/, name: "performance.now" },
];

/** RxJS's own clocks: time outside adapters comes from the port. */
const timeOperators =
  /\b(asyncScheduler|animationFrames|auditTime|bufferTime|debounce|debounceTime|delay|delayWhen|interval|sampleTime|throttleTime|timeInterval|timeout|timeoutWith|timer|timestamp|windowTime)\b/;

/** A file, and its code without comments. */
interface Source {
  readonly file: string;
  readonly code: string;
}

/** What is wrong with a source, in words. */
type Checker = (source: Source) => string[];

const sources = ["protocol", "libs", "services"].flatMap((folder) => typescriptIn(folder).map(read));

/** Each with sources in which it finds something, lest it can never fail. */
const checkers: Record<string, { readonly faultsOf: Checker; readonly planted: readonly Source[] }> = {
  "imports only go where the import table lets them": {
    faultsOf: breachesOf,
    planted: [
      { file: "services/apps/plan.ts", code: 'import { connect } from "nats";' },
      { file: "services/apps/plan.ts", code: 'import { Log } from "#libs/ports/log.js";' },
      { file: "services/master/machine.ts", code: 'import { Subject } from "rxjs";' },
      { file: "services/agent/main.ts", code: 'import { x } from "#services/master/machine.js";' },
      { file: "services/gateway/server.ts", code: 'import { x } from "../master/machine.js";' },
      { file: "libs/framework/tasks.ts", code: 'import { x } from "#libs/machine/pump.js";' },
      { file: "libs/core/time.ts", code: 'import { x } from "#libs/ports/clock.js";' },
      { file: "protocol/api.ts", code: 'import { x } from "#libs/core/time.js";' },
      { file: "libs/sim/bus.ts", code: 'import { x } from "#libs/adapters/log.js";' },
    ],
  },
  "clocks, dice and timers are at the rim only": {
    faultsOf: ({ file, code }) =>
      /^libs\/(adapters|sim)\//.test(file)
        ? []
        : banned.filter(({ pattern }) => pattern.test(code)).map(({ name }) => `${file} uses ${name}`),
    planted: [
      "Date.now()",
      "new Date()",
      "Math.random()",
      "crypto.randomUUID()",
      "setTimeout(f, 1)",
      "setInterval(f, 1)",
      "performance.now()",
    ].map((code) => ({ file: "services/master/perform.ts", code })),
  },
  "JSON from outside is parsed by the codec only": {
    faultsOf: ({ file, code }) => {
      // What is ours comes back to us: the vault's own envelopes, sandbox records of our own. The rims talk HTTP and files.
      const allowed =
        /^(protocol\/codec\.ts|libs\/machine\/(vault|kv-lease)\.ts|libs\/adapters\/|libs\/sim\/|services\/(gateway|cli|local)\/)/;
      return !allowed.test(file) && /\bJSON\.parse\b/.test(code) ? [`${file} parses JSON`] : [];
    },
    planted: [{ file: "services/agent/inbound.ts", code: "JSON.parse(text)" }],
  },
  "who decides does not wait": {
    faultsOf: ({ file, code }) =>
      decides(file) && /\b(await|async|Promise)\b/.test(code) ? [`${file} waits`] : [],
    planted: [
      { file: "services/jobs/machine.ts", code: "await x;" },
      { file: "services/agent/kills.ts", code: "const f = async () => 1;" },
      { file: "libs/framework/tasks.ts", code: "Promise.resolve()" },
    ],
  },
  "events go one way, through the pump: there are no other subjects": {
    faultsOf: ({ file, code }) => {
      const allowed = /^libs\/(adapters|sim)\/|^libs\/machine\/(pump|backlog)\.ts$/;
      return !allowed.test(file) && /\bnew \w*Subject\b/.test(code) ? [`${file} has a Subject`] : [];
    },
    planted: [
      { file: "services/agent/service.ts", code: "const events = new Subject<number>();" },
      { file: "libs/framework/runtime.ts", code: "new BehaviorSubject(1)" },
    ],
  },
  "streams have no clocks of their own": {
    faultsOf: ({ file, code }) => {
      const names = [...code.matchAll(/import (?:type )?\{([^}]*)\} from "rxjs[^"]*"/g)].map(
        ([, each]) => each!,
      );
      return !file.startsWith("libs/adapters/") && names.some((each) => timeOperators.test(each))
        ? [`${file} takes an operator with a clock from RxJS`]
        : [];
    },
    planted: [
      { file: "services/agent/service.ts", code: 'import { map, debounceTime } from "rxjs";' },
      { file: "libs/sim/bus.ts", code: 'import {\n  timer,\n} from "rxjs";' },
    ],
  },
  "containers are made in main.ts and in the simulated cluster only": {
    faultsOf: ({ file, code }) => {
      const makers = /(\/main\.ts|^libs\/adapters\/(main|world)\.ts|^libs\/(sim|framework)\/.*)$/;
      return !makers.test(file) && /new Container\(/.test(code) ? [`${file} makes a container`] : [];
    },
    planted: [{ file: "services/apps/module.ts", code: "new Container()" }],
  },
  "there are no barrels, and no names that say nothing": {
    faultsOf: ({ file }) => {
      const bad = /\/(index|util|utils|helper|helpers|data|info|impl|models|common|misc)\.ts$/;
      return bad.test(file) ? [file] : [];
    },
    planted: [
      { file: "libs/core/index.ts", code: "" },
      { file: "services/apps/utils.ts", code: "" },
    ],
  },
};

describe("tidiness", () => {
  for (const [what, { faultsOf }] of Object.entries(checkers))
    it(what, () => assert.deepEqual(sources.flatMap(faultsOf), []));

  it("is looked at by checkers that do find faults", () => {
    const blind = Object.entries(checkers).flatMap(([what, { faultsOf, planted }]) =>
      planted.filter((source) => faultsOf(source).length === 0).map(({ code }) => `${what}: ${code}`),
    );
    assert.deepEqual(blind, []);
  });
});

/** Machines, their parts and policies: all of the services and of the framework that is no wiring. */
const decides = (file: string): boolean =>
  /^(services|libs\/framework)\//.test(file) &&
  !rims.test(file) &&
  !wiring.test(file) &&
  !file.startsWith("libs/framework/examples/");

/** Rims may import anything but another service. */
function breachesOf({ file, code }: Source): string[] {
  const rule = rules.find(({ what }) => what.test(file));
  assert.ok(rule !== undefined, `${file} is covered by no rule`);
  const service = /^services\/[a-z]+\//.exec(file)?.[0];
  return importsOf({ file, code })
    .filter((target) => {
      if (service !== undefined && target.startsWith(service)) return false;
      if (target.startsWith("services/")) return true;
      if (rims.test(file)) return false;
      const may =
        wiring.test(file) && /^(services|libs\/framework)\//.test(file)
          ? [...rule.may, ...machinery]
          : rule.may;
      return !may.some((each) => each.test(target));
    })
    .map((target) => `${file} imports ${target}`);
}

/** Paths of ours from the root, names of packages as they are. */
function importsOf({ file, code }: Source): string[] {
  const specifiers = [...code.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name]) => name!);
  return specifiers.map((name) => {
    if (name.startsWith("#setup/")) return `services/local/setup/${name.slice("#setup/".length)}`;
    if (name.startsWith("#")) return name.slice(1);
    return name.startsWith(".") ? relative(root, resolve(root, dirname(file), name)) : name;
  });
}

function read(file: string): Source {
  const text = readFileSync(join(root, file), "utf8");
  return { file, code: text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "") };
}

function typescriptIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => `${folder}/${file}`)
    .toSorted();
}
