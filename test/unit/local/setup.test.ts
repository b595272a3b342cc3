import assert from "node:assert/strict";
import {
  formatSources,
  newerSources,
  olderSources,
  ownSources,
  parseOsRelease,
  parseSources,
} from "#setup/apt-sources.mjs";
import { fingerprint, staleOutputs } from "#setup/build.mjs";
import { sameInstallation } from "#setup/install.mjs";
import { parseGreeting } from "#setup/probe.mjs";
import { RELEASES, releaseFor } from "#setup/releases.mjs";
import { withoutSecret } from "#setup/servers.mjs";
import { atLeast, compareVersions, versionIn } from "#setup/versions.mjs";

const KEY = "/usr/share/keyrings/debian-archive-keyring.gpg";

describe("set-up: versions", () => {
  it("finds the version in what a program says of itself", () => {
    assert.equal(versionIn("nats-server: v2.9.10"), "2.9.10");
    assert.equal(versionIn("Docker version 20.10.24+dfsg1, build 297e128"), "20.10.24");
    assert.equal(versionIn("no number here"), undefined);
  });

  it("compares numbers, not letters", () => {
    assert.ok(compareVersions("2.10.0", "2.9.10") > 0);
    assert.equal(compareVersions("2.9", "2.9.0"), 0);
    assert.ok(atLeast("v2.9.10", "2.9"));
    assert.ok(!atLeast("2.8.4", "2.9"));
    assert.ok(atLeast("20.19.0", "20.19"));
    assert.ok(!atLeast("20.9.0", "20.19"));
  });
});

describe("set-up: package sources", () => {
  it("reads one line a source, with and without options", () => {
    const text = [
      "# deb http://mirror/debian bookworm main",
      "deb-src http://mirror/debian bookworm main",
      `deb [arch=amd64,arm64 signed-by=${KEY}] http://mirror/debian bookworm main contrib # ours`,
      "deb http://mirror/flat ./",
    ].join("\n");
    assert.deepEqual(parseSources(text, "list"), [
      {
        uris: ["http://mirror/debian"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        options: { Architectures: "amd64 arm64", "Signed-By": KEY },
      },
      { uris: ["http://mirror/flat"], suites: ["./"], components: [], options: {} },
    ]);
  });

  it("reads paragraphs of fields, leaves out what is disabled, and keeps a key that is written out", () => {
    const text = [
      "Types: deb deb-src",
      "# a remark",
      "uris: http://mirror/debian",
      "Suites: bookworm bookworm-updates",
      "Components: main",
      "Signed-By:",
      " -----BEGIN PGP PUBLIC KEY BLOCK-----",
      " .",
      " mQINB",
      " ",
      "Types: deb",
      "Enabled: no",
      "URIs: http://off/debian",
      "Suites: bookworm",
    ].join("\n");
    const sources = parseSources(text, "sources");
    assert.equal(sources.length, 1);
    assert.deepEqual(sources[0]?.suites, ["bookworm", "bookworm-updates"]);
    assert.equal(sources[0]?.options["Signed-By"], "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINB");
  });

  it("takes the distribution's own suites and free components, and nothing of others", () => {
    const sources = [
      ...parseSources(`deb [signed-by=${KEY}] http://mirror/debian bookworm main contrib`, "list"),
      ...parseSources("deb http://security/debian bookworm-security main", "list"),
      ...parseSources("deb http://other/sdk cloud-sdk-bookworm main", "list"),
      ...parseSources("deb http://mirror/debian bookworm-backports main", "list"),
      ...parseSources("deb cdrom:[Debian] bookworm main", "list"),
    ];
    const own = ownSources(sources, "bookworm");
    assert.deepEqual(
      own.map(({ suites, components }) => [suites[0], components.join(" ")]),
      [
        ["bookworm", "main"],
        ["bookworm-security", "main"],
      ],
    );
  });

  it("derives the suite that still has Consul from the same host, and keeps its key", () => {
    const sources = parseSources(
      `deb [signed-by=${KEY}] http://mirror/debian bookworm main\ndeb http://security/debian bookworm-security main`,
      "list",
    );
    const older = olderSources(sources, { family: "debian", codename: "bookworm" });
    assert.equal(
      formatSources(older),
      `Types: deb\nURIs: http://mirror/debian\nSuites: bullseye\nComponents: main\nSigned-By: ${KEY}\n`,
    );
    assert.deepEqual(olderSources(sources, { family: "debian", codename: "bullseye" }), []);
    assert.deepEqual(olderSources(sources, { family: undefined, codename: "bookworm" }), []);
  });

  it("derives the suite that first has Docker Compose 2, where the release is older", () => {
    const sources = parseSources(`deb [signed-by=${KEY}] http://mirror/debian bookworm main`, "list");
    assert.equal(
      formatSources(newerSources(sources, { family: "debian", codename: "bookworm" })),
      `Types: deb\nURIs: http://mirror/debian\nSuites: trixie\nComponents: main\nSigned-By: ${KEY}\n`,
    );
    assert.deepEqual(newerSources(sources, { family: "debian", codename: "trixie" }), []);
    assert.deepEqual(newerSources(sources, { family: "ubuntu", codename: "jammy" }), []);
  });

  it("writes what it has read so that it reads the same again", () => {
    const text = `Types: deb\nURIs: http://mirror/debian\nSuites: sid\nComponents: main\nSigned-By:\n -----BEGIN\n .\n`;
    const once = parseSources(text, "sources");
    assert.deepEqual(parseSources(formatSources(once), "sources"), once);
  });

  it("knows a derivative by its family and by the release it is made of", () => {
    const mint =
      'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=virginia\nUBUNTU_CODENAME=jammy\nPRETTY_NAME="Linux Mint"';
    assert.deepEqual(parseOsRelease(mint), { family: "ubuntu", codename: "jammy", name: "Linux Mint" });
    assert.equal(parseOsRelease("ID=alpine").family, undefined);
  });
});

describe("set-up: what is stale", () => {
  const file = { path: "libs/core/a.ts", size: 10, mtimeMs: 1000 };

  it("sees a source that was written, added, removed or put back older than it was", () => {
    const now = fingerprint([file]);
    assert.equal(fingerprint([{ ...file }]), now);
    assert.notEqual(fingerprint([{ ...file, mtimeMs: 999 }]), now);
    assert.notEqual(fingerprint([{ ...file, size: 11 }]), now);
    assert.notEqual(fingerprint([file, { ...file, path: "libs/core/b.ts" }]), now);
    assert.notEqual(fingerprint([]), now);
  });

  it("does not depend on the order in which directories are read", () => {
    const other = { ...file, path: "libs/core/b.ts" };
    assert.equal(fingerprint([file, other]), fingerprint([other, file]));
  });

  it("removes the output of sources that are gone, and nothing else", () => {
    const outputs = [
      "libs/a.js",
      "libs/a.js.map",
      "libs/gone.js",
      "libs/gone.js.map",
      "libs/gone.d.ts",
      "libs/notes.txt",
    ];
    assert.deepEqual(staleOutputs(["libs/a.ts"], outputs), [
      "libs/gone.js",
      "libs/gone.js.map",
      "libs/gone.d.ts",
    ]);
  });

  it("takes an installation as current when every locked package stands there in its version", () => {
    const lock = { packages: { "": {}, a: { version: "1.0.0" }, b: { version: "2.0.0", optional: true } } };
    assert.ok(sameInstallation(lock, { packages: { a: { version: "1.0.0" } } }));
    assert.ok(!sameInstallation(lock, { packages: { a: { version: "1.0.1" } } }));
    assert.ok(!sameInstallation(lock, { packages: {} }));
    assert.ok(!sameInstallation(lock, { packages: { a: { version: "1.0.0" }, left: { version: "1.0.0" } } }));
  });
});

describe("set-up: what a server says", () => {
  it("reads version and JetStream from the greeting of NATS", () => {
    const line = 'INFO {"server_id":"X","version":"2.9.10","jetstream":true}\r';
    assert.deepEqual(parseGreeting(line), { ok: true, version: "2.9.10", jetstream: true });
    assert.deepEqual(parseGreeting('INFO {"version":"2.10.1"}'), {
      ok: true,
      version: "2.10.1",
      jetstream: false,
    });
  });

  it("tells a server of another kind", () => {
    assert.deepEqual(parseGreeting("SSH-2.0-OpenSSH_9.2"), { ok: false, reason: "does not speak NATS" });
    assert.deepEqual(parseGreeting("INFO {"), { ok: false, reason: "does not speak NATS" });
  });

  it("prints no password", () => {
    assert.equal(withoutSecret("nats://user:secret@host:4222"), "nats://host:4222");
    assert.equal(withoutSecret("nats://a:b@h1,nats://c:d@h2"), "nats://h1,nats://h2");
  });
});

describe("set-up: releases", () => {
  it("are pinned by a whole SHA-256 and fetched over https", () => {
    const all = Object.values(RELEASES).flatMap((byArch) => Object.values(byArch));
    assert.equal(all.length, 4);
    for (const release of all) {
      assert.match(release.sha256, /^[0-9a-f]{64}$/);
      assert.match(release.url, /^https:\/\//);
    }
  });

  it("are not offered where none is pinned", () => {
    assert.equal(releaseFor("docker", "linux", "x64"), undefined);
    assert.equal(releaseFor("nats", "darwin", "x64"), undefined);
    assert.ok(releaseFor("nats", "linux", "arm64") !== undefined);
  });
});
