import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** What READMEs say of files is so: a table of files names all that are in its folder, and nothing that is not. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const folders = ["protocol", "libs", "services"].flatMap((top) => [
  top,
  ...readdirSync(join(root, top), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
]);
/** Of each folder whose README has a table of files, or a section of that name: what is named there. */
const tables = folders.flatMap((folder) => {
  const readme = join(root, folder, "README.md");
  const table = existsSync(readme) ? tableOf(readFileSync(readme, "utf8")) : undefined;
  return table === undefined ? [] : [{ folder, named: namesIn(table) }];
});

describe("READMEs", () => {
  it("that list files are looked at", () => {
    const looked = new Set(tables.map(({ folder }) => folder));
    for (const folder of ["libs/adapters", "libs/framework", "services/master", "services/local"])
      assert.ok(looked.has(folder), folder);
  });

  it("name every file of their folder in their list of files", () => {
    const missing = tables.flatMap(({ folder, named }) =>
      filesIn(folder)
        .filter((file) => !named.has(file))
        .map((file) => `${folder}/README.md does not name ${file}.ts`),
    );
    assert.deepEqual(missing, []);
  });

  it("name no file that is not there", () => {
    const wrong = tables.flatMap(({ folder, named }) =>
      [...named]
        .filter((name) => !isThere(folder, name))
        .map((name) => `${folder}/README.md names ${name}, which is not there`),
    );
    assert.deepEqual(wrong, []);
  });

  it("point at example frameworks that are read at a glance: 40 lines at most", () => {
    const examples = join(root, "libs/framework/examples");
    for (const file of readdirSync(examples)) {
      const lines = readFileSync(join(examples, file), "utf8").trimEnd().split("\n");
      assert.ok(lines.length <= 40, `${file} has ${lines.length} lines`);
    }
  });

  it("of the ports names every port, and each has a suite", () => {
    const ports = filesIn("libs/ports").filter((file) => file !== "provide" && file !== "tokens");
    const text = readFileSync(join(root, "libs/ports/README.md"), "utf8");
    const suites = readdirSync(join(root, "test/contract")).filter((file) => file.endsWith(".test.ts"));
    const faults = ports.flatMap((port) => [
      ...(text.includes(`\`${port}\``) ? [] : [`libs/ports/README.md does not name ${port}`]),
      ...(suites.some((file) => new RegExp(`^${port}s?(-[a-z]+)?\\.test\\.ts$`).test(file))
        ? []
        : [`there is no suite for ${port}`]),
    ]);
    assert.deepEqual(faults, []);
  });
});

/** The lines of a table whose first column is `file`, first cells alone; else the section `Files`. */
function tableOf(readme: string): string | undefined {
  const lines = readme.split("\n");
  const head = lines.findIndex((line) => line.startsWith("| file |"));
  if (head >= 0) {
    const rows = lines.slice(head + 2);
    const end = rows.findIndex((line) => !line.startsWith("|"));
    return rows
      .slice(0, end < 0 ? rows.length : end)
      .map((line) => line.split("|")[1])
      .join("\n");
  }
  return /^## Files\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme)?.[1];
}

/** Without the ending of TypeScript. */
function namesIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/`([^`\s]+)`/g)].map(([, name]) => name!.replace(/\.ts$/, "")));
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => basename(file, ".ts"));
}

const isThere = (folder: string, name: string): boolean =>
  existsSync(join(root, folder, name)) || existsSync(join(root, folder, `${name}.ts`));
