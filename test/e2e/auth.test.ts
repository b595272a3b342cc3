import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AcceptReply, KillReply } from "#protocol/launch.js";
import { type Codec, codec } from "#protocol/codec.js";
import { FrameworkEvent, SubscribeReply } from "#protocol/framework.js";
import { Offer, type SealedOffer, type Session } from "#protocol/offer.js";
import { SandboxReply, type SandboxRequest } from "#protocol/sandbox.js";
import { Subjects } from "#protocol/subjects.js";
import { AuthDirectory } from "#libs/adapters/nats/auth/directory.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
import type { Task } from "./support/api.js";
import type { LocalCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";
import { small } from "./support/work.js";

const subjects = new Subjects("local");
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A framework that a cluster has let in, and that means no good. */
describe("a framework with credentials of its own, in a cluster that runs", function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  let rogue: Connected;
  let victim: Task;
  const offers: SealedOffer[] = [];
  let session: Session;

  before(async () => {
    ({ cluster } = await sharedCluster());
    await cluster.api.deploy({
      id: "/e2e/victim",
      cmd: "echo secret > mine; ln -s /etc/passwd link; ln -s /etc directory; exec sleep 1000",
      instances: 1,
      ...small,
      portDefinitions: [],
    } as { id: string });
    [victim] = (await cluster.api.tasks("/e2e/victim")) as [Task];
    const credentials = readFileSync(cluster.credentials("rogue"), "utf8");
    rogue = await connected(cluster.natsUrl, "rogue", { credentials });
    rogue.bus.messages(subjects.frameworkEventAll("rogue")).subscribe((message) => {
      const said = codec(FrameworkEvent).decode(message.bytes);
      if (said.ok && said.value.type === "offers") offers.push(...said.value.offers);
      message.respond(bytes({ ok: true }));
    });
    const subscription = { framework: "rogue", role: "rogue", needs: [], suppressed: false };
    const answer = await ask(subjects.master("rogue", "subscribe"), subscription, codec(SubscribeReply));
    assert.ok(answer.ok, JSON.stringify(answer));
    ({ session } = answer);
    await eventually("an offer", () => offers.length > 0, 20_000);
  });
  after(async () => {
    await rogue?.link.close();
    await cluster?.api.send("DELETE", "/cluster/frameworks/rogue?force=true");
    await cluster?.api.remove("/e2e/victim");
  });

  async function ask<T>(subject: string, message: unknown, replies: Codec<T>): Promise<T> {
    const answer = await rogue.bus.request(subject, bytes(message), 5000);
    assert.ok(answer.ok, JSON.stringify(answer));
    const decoded = replies.decode(answer.value);
    assert.ok(decoded.ok, JSON.stringify(decoded));
    return decoded.value;
  }

  const accept = async (offer: SealedOffer, id: string): Promise<string> => {
    const { agent, resources } = JSON.parse(offer.body) as Offer;
    const task = { id, name: "rogue", workload: { kind: "process", argv: ["/bin/true"] }, resources };
    const message = { session, offer, tasks: [task], filterMs: 0 };
    const { answers } = await ask(subjects.launch(agent, "rogue", "accept"), message, codec(AcceptReply));
    const [first] = answers;
    assert.ok(first !== undefined && !first.ok, `it was launched: ${JSON.stringify(answers)}`);
    return first.error.code;
  };

  it("nobody is let in without credentials", async () => {
    await assert.rejects(connected(cluster.natsUrl, "nobody"), /Authorization Violation/i);
  });

  it("the seal refuses an offer that was made up, and one that was made larger", async () => {
    const { body, seal } = offers[0]!;
    const offer = JSON.parse(body) as Offer;
    const larger = { ...offer, resources: { ...offer.resources, scalars: { cpus: 1_000_000 } } };
    assert.equal(await accept({ body: JSON.stringify(larger), seal }, "rogue.1"), "seal-broken");
    const stolen = { ...offer, framework: "apps", number: offer.number + 1 };
    assert.equal(
      await accept({ body: JSON.stringify(stolen), seal: "0".repeat(64) }, "rogue.2"),
      "seal-broken",
    );
    assert.equal(await accept({ body: `${body} `, seal }, "rogue.3"), "seal-broken");
  });

  it("the agent ends no task of another framework", async () => {
    const order = { session, task: victim.spec.id, graceMs: 0 };
    const reply = await ask(subjects.launch(victim.agent, "rogue", "kill"), order, codec(KillReply));
    assert.ok(!reply.ok || !reply.known, JSON.stringify(reply));
    assert.equal((await cluster.api.task(victim.spec.id)).latest.state, "running");
  });

  it("the agent shows no file of another framework's task, and the server lets nobody ask in its name", async () => {
    const read: SandboxRequest = { verb: "read", task: victim.spec.id, path: "mine", offset: 0, length: 100 };
    const reply = await ask(subjects.sandbox(victim.agent, "rogue"), read, codec(SandboxReply));
    assert.equal(!reply.ok && reply.error.code, "forbidden");
    const request = await rogue.bus.request(subjects.sandbox(victim.agent, "apps"), bytes(read), 500);
    assert.deepEqual(request, { ok: false, error: "timeout" });
  });

  it("nobody is shown what is outside a sandbox, also not through a link", async () => {
    const get = (path: string) => cluster.api.send("GET", `/cluster/tasks/${victim.spec.id}/files/${path}`);
    assert.deepEqual([(await get("mine")).status, (await get("mine")).body], [200, "secret\n"]);
    for (const path of ["link", "directory/passwd", "directory/", "..%2F..%2Fagent-id", "%2Fetc%2Fpasswd"]) {
      const { status, body } = await get(path);
      assert.ok(status >= 400 && status < 500, `${path}: ${status}`);
      assert.doesNotMatch(JSON.stringify(body), /root:/);
    }
  });

  it("the server hands it no update, event or record of others", async () => {
    const refused: string[] = [];
    const { link } = rogue;
    void (async () => {
      for await (const { permissionContext } of link.nc.status())
        if (permissionContext !== undefined) refused.push(permissionContext.subject);
    })();
    const tried = [
      subjects.statusOf("apps"),
      subjects.launchAll(victim.agent, "accept"),
      subjects.frameworkEventAll("apps"),
      subjects.eventAll,
    ];
    for (const subject of tried) link.subscribe(subject, () => assert.fail(`heard ${subject}`));
    const pulls = [
      `$JS.API.CONSUMER.MSG.NEXT.${subjects.statusStream}.${subjects.statusConsumer("apps")}`,
      `$JS.API.STREAM.MSG.GET.KV_${subjects.bucket("fw-apps")}`,
    ];
    for (const subject of pulls) link.publish(subject, bytes({}));
    await eventually("all to be refused", () => refused.length === tried.length + pulls.length);
  });

  it("is not let in any more when it was revoked and the server has read that; all else goes on", async () => {
    const credentials = readFileSync(cluster.credentials("rogue"), "utf8");
    const keys = AuthDirectory.open(join(cluster.data, "keys"), Date.now);
    keys.revoke({ kind: "framework", id: "rogue" });
    keys.writeServerConfiguration();
    process.kill(cluster.pid("nats"), "SIGHUP");
    await eventually("it to be refused", async () => {
      const admitted = await connected(cluster.natsUrl, "rogue", { credentials }).catch(() => undefined);
      await admitted?.link.close();
      return admitted === undefined;
    });
    await cluster.api.deploy({
      id: "/e2e/after",
      cmd: "exec sleep 1000",
      instances: 1,
      ...small,
      portDefinitions: [],
    } as { id: string });
    await cluster.api.remove("/e2e/after");
  });
});
