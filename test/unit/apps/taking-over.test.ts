import assert from "node:assert/strict";
import type { TaskStatus } from "#protocol/task.js";
import { Outbox } from "#libs/framework/outbox.js";
import { Apps } from "#services/apps/apps.js";
import { aliveIds, announced, cluster, put, view } from "./scene.js";

describe("apps: under the next leader", () => {
  it("after a failover everything is as it was", () => {
    const play = cluster();
    put(play, { instances: 3 });
    const before = aliveIds(play);
    play.failover();
    play.pass(60_000);
    assert.deepEqual(aliveIds(play), before);
    assert.equal(view(play).settled, true);
    assert.deepEqual(announced(play), ["created", "deployed"]);
  });

  it("after a failover a deleted app stays deleted, though it was launched together with one that runs", () => {
    const play = cluster({ a: {} });
    play.cutOff("a");
    put(play);
    put(play, { id: "/demo/other" });
    play.comesBack("a");
    play.ask("remove", { id: "/demo/other" });
    const before = aliveIds(play);
    play.failover();
    play.pass(60_000);
    assert.equal(play.refusalOf("get", { id: "/demo/other" }).code, "not-found");
    assert.deepEqual(aliveIds(play), before);
  });

  it("after a failover a deleted app stays deleted, though an update from before comes late and the launch is still on record", () => {
    const apps = (bucket: string) =>
      new Apps(
        { records: [], tombstones: [], unreadable: [] },
        bucket,
        new Outbox({ kind: "app", by: "apps" }),
      );
    const play = cluster({ a: {} });
    put(play, { instances: 1 });
    const [{ spec, agent }] = play.alive as [TaskStatus];
    const at = { mono: play.mono, wall: play.wall };
    const late = { spec, agent, host: agent, change: 2, phase: "running", launchedAt: at } as const;
    const [ours, anothers] = [apps(spec.bucket!), apps("made-anew")];
    for (const each of [ours, anothers]) each.taskChanged(at, late);
    assert.deepEqual([ours.all.size, anothers.all.size], [0, 1]);
  });

  it("after a failover none ends for instances that have ended long ago, beside others of one launch", () => {
    const play = cluster({ a: {} });
    play.cutOff("a");
    put(play, { instances: 4 });
    play.comesBack("a");
    for (const id of aliveIds(play).slice(0, 2)) play.ends(id);
    play.pass(60_000);
    const before = aliveIds(play);
    assert.equal(before.length, 4);
    play.failover();
    play.pass(60_000);
    assert.deepEqual(aliveIds(play), before);
    assert.deepEqual(play.killed, []);
  });

  it("after the loss of the bucket apps are what their tasks say, and no task ends", () => {
    const play = cluster();
    put(play, { instances: 2 });
    play.ask("scale", { id: "/demo/web", instances: 3 });
    put(play, { id: "/demo/other" });
    const before = aliveIds(play);
    play.loseBucket();
    play.failover();
    play.pass(60_000);
    assert.deepEqual(aliveIds(play), before);
    assert.equal(view(play).app.definition.instances, 3); // the newest task was launched for 3
    assert.equal(view(play, "/demo/other").settled, true);
    assert.equal(play.killed.length, 0);
    const lost = play.events.filter(({ type }) => type === "store-lost");
    assert.deepEqual(
      lost.map(({ about }) => about),
      ["apps"],
      "said once, for both apps",
    );
    assert.match(lost[0]!.message, /apps without a running task \(scaled to 0/);
    play.failover();
    assert.equal(view(play).settled, true);
    assert.equal(announced(play).filter((type) => type === "store-lost").length, 1);
  });
});
