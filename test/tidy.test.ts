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

const sources = ["protocol", "libs", "services"].flatMap((folder) => typescriptIn(folder));

describe("tidiness", () => {
  it("imports only go where the import table lets them", () => {
    const breaches = sources.flatMap(breachesOf);
    assert.deepEqual(breaches, []);
  });

  it("clocks, dice and timers are at the rim only", () => {
    const inner = sources.filter((file) => !/^libs\/(adapters|sim)\//.test(file));
    const found = inner.flatMap((file) => {
      const text = codeOf(file);
      return banned.filter(({ pattern }) => pattern.test(text)).map(({ name }) => `${file} uses ${name}`);
    });
    assert.deepEqual(found, []);
  });

  it("JSON from outside is parsed by the codec only", () => {
    // What is ours comes back to us: the vault's own envelopes, sandbox records of our own. The rims talk HTTP and files.
    const allowed =
      /^(protocol\/codec\.ts|libs\/machine\/(vault|kv-lease)\.ts|libs\/adapters\/|libs\/sim\/|services\/(gateway|cli|local)\/)/;
    assert.deepEqual(
      sources.filter((file) => !allowed.test(file) && /\bJSON\.parse\b/.test(codeOf(file))),
      [],
    );
  });

  it("machines do not wait", () => {
    const machines = sources.filter(
      (file) => /(^|\/)machine\.ts$/.test(file) && !file.startsWith("libs/machine/"),
    );
    assert.deepEqual(
      machines.filter((file) => /\b(await|async)\b/.test(codeOf(file))),
      [],
    );
  });

  it("containers are made in main.ts and in the simulated cluster only", () => {
    const makers = sources.filter((file) => /new Container\(/.test(codeOf(file)));
    assert.deepEqual(
      makers.filter(
        (file) => !/(\/main\.ts|^libs\/adapters\/(main|world)\.ts|^libs\/(sim|framework)\/.*)$/.test(file),
      ),
      [],
    );
  });

  it("there are no barrels, and no names that say nothing", () => {
    const bad = /\/(index|util|utils|helper|helpers|data|info|impl|models|common|misc)\.ts$/;
    assert.deepEqual(
      sources.filter((file) => bad.test(file)),
      [],
    );
  });
});

/** Rims may import anything but another service. */
function breachesOf(file: string): string[] {
  const rule = rules.find(({ what }) => what.test(file));
  assert.ok(rule !== undefined, `${file} is covered by no rule`);
  const service = /^services\/[a-z]+\//.exec(file)?.[0];
  return importsOf(file)
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
function importsOf(file: string): string[] {
  const specifiers = [...codeOf(file).matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    ([, name]) => name!,
  );
  return specifiers.map((name) => {
    if (name.startsWith("#setup/")) return `services/local/setup/${name.slice("#setup/".length)}`;
    if (name.startsWith("#")) return name.slice(1);
    return name.startsWith(".") ? relative(root, resolve(root, dirname(file), name)) : name;
  });
}

/** Without comments. */
function codeOf(file: string): string {
  return readFileSync(join(root, file), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/(^|\s)\/\/.*$/gm, "");
}

function typescriptIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => `${folder}/${file}`)
    .toSorted();
}
