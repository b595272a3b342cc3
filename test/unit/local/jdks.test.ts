import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tools } from "#setup/tools.mjs";
import { readConfig } from "#libs/adapters/config.js";
import { findJdks } from "#libs/adapters/jvm/jdks.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { AgentSettings } from "#services/agent/settings.js";
import { DataDirectory } from "#services/local/data-directory.js";
import { demoAssets } from "#services/local/demo/assets.js";
import { agentProgram } from "#services/local/programs.js";
import { shareOut } from "#services/local/shares.js";

describe("JDKs that the set-up found", () => {
  let dir: string;
  let data: DataDirectory;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "emporion-local-"));
    writeFileSync(join(dir, "key"), "0".repeat(32));
    data = await DataDirectory.take(join(dir, "data"));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("are told to agents, which do not look in as many places, next to those that the user names", () => {
    const home = join(dir, "sdkman", "21");
    mkdirSync(join(home, "bin"), { recursive: true });
    writeFileSync(join(home, "release"), 'JAVA_VERSION="21.0.1"\nIMPLEMENTOR="Somebody"\n');
    writeFileSync(join(home, "bin", "java"), "");
    chmodSync(join(home, "bin", "java"), 0o755);
    const settings = readConfig(AgentSettings, environmentOf([home], { EMPORION_AGENT_JDKS: "/own/jdks" }));
    assert(settings.ok, JSON.stringify(settings));
    assert.deepEqual(settings.value.jdks, ["/own/jdks", home]);
    assert.deepEqual(findJdks({ roots: settings.value.jdks }), [
      { release: 21, version: "21.0.1", vendor: "Somebody", home },
    ]);
  });

  it("are not told of where there are none", () => {
    assert.ok(!("EMPORION_AGENT_JDKS" in environmentOf([], {})));
  });

  function environmentOf(jdks: readonly string[], env: Record<string, string>) {
    const [share] = shareOut({ cpus: 1, mem: 100, disk: 100, ports: [1000, 1009] }, 1);
    const before = process.env;
    process.env = env;
    try {
      return agentProgram(
        {
          root: "/",
          cluster: "c",
          natsUrl: "nats://127.0.0.1",
          credentials: undefined,
          consulAddress: undefined,
        },
        data,
        {
          share: share!,
          keyFile: join(dir, "key"),
          dockerSocket: undefined,
          jdks,
          killOnStop: true,
          tasksAsRoot: false,
        },
      ).env;
    } finally {
      process.env = before;
    }
  }
});

describe("the demo", () => {
  const jdk = { version: "21.0.1", vendor: "Somebody", home: "/jdk" };
  const missing = { kind: "missing", reason: "not here" } as const;
  // A machine with a JDK, but no compiler: the JAR of the tree is taken.
  const tools: Tools = {
    nats: missing,
    consul: missing,
    docker: missing,
    busybox: { path: "/bin/busybox", from: "PATH" },
    jdks: [{ ...jdk, major: 21, java: "/jdk/bin/java" }],
  };
  const jvm = (...releases: number[]): ExecutorInfo => ({
    kind: "jvm",
    version: "?",
    jdks: releases.map((release) => ({ ...jdk, release })),
    warnings: [],
  });

  async function assets(dockerSocket: string | undefined, offered: readonly ExecutorInfo[]) {
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const { image, jar } = await demoAssets({ tools, dockerSocket, offered, outDir: tmpdir(), say });
    return { image, jar, said };
  }

  it("leaves out what no agent offers, and says so", async () => {
    assert.deepEqual(await assets("/docker.sock", [{ kind: "process", version: "1", warnings: [] }]), {
      image: undefined,
      jar: undefined,
      said: [
        "/demo/box is left out: no agent offers containers",
        "/demo/jar is left out: no agent offers a JDK >=11",
      ],
    });
  });

  it("does not run its JAR where all JDKs are too old for it", async () => {
    assert.deepEqual((await assets(undefined, [jvm(8), jvm(8)])).said, [
      "/demo/box is left out: there is no Docker engine",
      "/demo/jar is left out: no agent offers a JDK >=11, they have 8",
    ]);
  });

  it("has its JAR where one agent offers a JDK that will do", async () => {
    const { jar, said } = await assets(undefined, [jvm(8), jvm(11, 8)]);
    assert.match(jar ?? "", /demo\.jar$/);
    assert.equal(said.length, 1);
  });
});
