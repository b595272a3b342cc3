import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseJdk, findJdks } from "#libs/adapters/jvm/jdks.js";

describe("JDKs of a host", () => {
  let root: string;
  beforeEach(() => (root = realpathSync(mkdtempSync(join(tmpdir(), "emporion-jdks-")))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function install(name: string, release: string): string {
    const home = join(root, name);
    mkdirSync(join(home, "bin"), { recursive: true });
    writeFileSync(join(home, "bin/java"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(home, "release"), release);
    return home;
  }
  const versions = (places: Partial<Parameters<typeof findJdks>[0]>) =>
    findJdks({ roots: [], ...places }).map(({ release, version }) => [release, version]);

  it("are read from their release files, the latest first", () => {
    install("a", 'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="17.0.9"\nOS_ARCH="x86_64"\n');
    install("b", 'JAVA_VERSION="17.0.15"\n');
    install("c", 'JAVA_VERSION="1.8.0_402"\n');
    install("d", 'JAVA_VERSION="25-ea"\n');
    assert.deepEqual(versions({ roots: [root] }), [
      [25, "25-ea"],
      [17, "17.0.15"],
      [17, "17.0.9"],
      [8, "1.8.0_402"],
    ]);
    const [, , adoptium] = findJdks({ roots: [root] });
    assert.deepEqual([adoptium?.vendor, adoptium?.home], ["Eclipse Adoptium", join(root, "a")]);
  });

  it("each once, however many names lead to it: a link, JAVA_HOME, PATH", () => {
    const home = install("jdk", 'JAVA_VERSION="21.0.1"\n');
    symlinkSync(home, join(root, "default"));
    mkdirSync(join(root, "usr-bin"));
    symlinkSync(join(home, "bin/java"), join(root, "usr-bin/java"));
    assert.deepEqual(versions({ roots: [root, home], javaHome: home, path: join(root, "usr-bin") }), [
      [21, "21.0.1"],
    ]);
    assert.deepEqual(versions({ path: `/nowhere::${join(root, "usr-bin")}` }), [[21, "21.0.1"]]);
    assert.deepEqual(versions({ javaHome: join(root, "default") }), [[21, "21.0.1"]]);
  });

  it("what has no java or no version is none", () => {
    rmSync(join(install("no-java", 'JAVA_VERSION="17"\n'), "bin/java"));
    install("no-version", 'OS_ARCH="x86_64"\n');
    mkdirSync(join(root, "doc"));
    assert.deepEqual(versions({ roots: [root, "/no/such/root"], javaHome: "/nowhere" }), []);
  });

  it("a task gets the latest that it asks for", () => {
    for (const version of ["11.0.2", "17.0.1", "17.0.10", "21.0.0"])
      install(version, `JAVA_VERSION="${version}"\n`);
    const jdks = findJdks({ roots: [root] });
    const chosen = (asked?: string) => chooseJdk(jdks, asked)?.version;
    assert.equal(chosen(), "21.0.0");
    assert.equal(chosen("17"), "17.0.10");
    assert.equal(chosen(">=11"), "21.0.0");
    assert.equal(chosen("18"), undefined);
    assert.equal(chosen(">=22"), undefined);
  });
});
