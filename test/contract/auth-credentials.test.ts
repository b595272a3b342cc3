import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority } from "#libs/adapters/nats/auth/authority.js";
import type { Principal } from "#libs/adapters/nats/auth/credentials.js";
import { silentLog } from "#libs/adapters/log.js";
import { selfSigned } from "#test/support/certificate.js";
import { eventually } from "#test/support/eventually.js";
import { connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";
import { authority, issuedAt } from "./auth-parties.js";

describe("credentials of the bus", function () {
  this.timeout(20_000);
  let nats: NatsServer;
  afterEach(() => nats.stop());
  const agent: Principal = { kind: "agent", id: "a1" };

  it("are asked for; those of another cluster's key or name are none", async () => {
    nats = await startNats({ configuration: authority.serverConfiguration(issuedAt) });
    const others = [
      new Authority("c", "the secret of another one"),
      new Authority("d", "a secret that nobody knows"),
    ];
    await assert.rejects(connected(nats.url, "nobody"), /Authorization Violation/i);
    for (const other of others)
      await assert.rejects(
        connected(nats.url, "stranger", { credentials: other.credentials(agent, issuedAt) }),
        /Authorization Violation/i,
      );
  });

  it("that are revoked do not count once the server knows; what is issued later does", async () => {
    nats = await startNats({ configuration: authority.serverConfiguration(issuedAt) });
    const old = authority.credentials(agent, issuedAt);
    const { link } = await connected(nats.url, "a1", { credentials: old });
    const revoked = { [authority.publicKey(agent)]: issuedAt };
    await nats.reload(authority.serverConfiguration(issuedAt + 1, revoked));
    await eventually("the connection to end", () => !link.isConnected);
    await link.close();
    await assert.rejects(connected(nats.url, "a1", { credentials: old }), /Authorization Violation/i);
    const anew = await connected(nats.url, "a1", { credentials: authority.credentials(agent, issuedAt + 1) });
    await anew.link.close();
  });

  it("go over an encrypted connection whose server the authority vouches for, or not at all", async () => {
    const { cert, key } = selfSigned();
    const directory = mkdtempSync(join(tmpdir(), "emporion-tls-"));
    writeFileSync(join(directory, "cert.pem"), cert);
    writeFileSync(join(directory, "key.pem"), key);
    const flags = ["--tls", "--tlscert", join(directory, "cert.pem"), "--tlskey", join(directory, "key.pem")];
    nats = await startNats({ flags });
    // The client looks at the name in the certificate: an address it takes for localhost's.
    const url = nats.url.replace("127.0.0.1", "localhost");
    rmSync(directory, { recursive: true });
    const { link } = await connected(url, "a1", { tls: { ca: cert } });
    assert.ok(link.isConnected);
    await link.close();
    const causes: unknown[] = [];
    const warn = (_: string, fields: { cause?: string } = {}) => void causes.push(fields.cause);
    const other = { ca: selfSigned().cert };
    void connected(url, "a1", { tls: other, log: { ...silentLog, warn } });
    await eventually("the reason", () => causes.some((cause) => /certificate/.test(String(cause))));
  });
});
