import assert from "node:assert/strict";
import { eventually } from "#test/support/eventually.js";
import type { LocalCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";
import { sleeper } from "./support/work.js";

interface Frame {
  readonly id: number;
  readonly about: string;
  readonly type: string;
}

describe("what happens, as Server-Sent Events", function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  before(async () => {
    ({ cluster } = await sharedCluster());
  });

  it("is told as it happens, and resumes behind the last event read", async () => {
    const live = listen(`${cluster.url}/cluster/events?kind=task`, {});
    await live.connected;
    await cluster.api.deploy(sleeper("/events/app", 1));
    const [task] = await cluster.api.tasks("/events/app");
    const running = await eventually("the event", () =>
      live.frames.find(({ about, type }) => about === task?.spec.id && /running/.test(type)),
    );
    await cluster.api.remove("/events/app");
    const last = await eventually("the end of the task", () =>
      live.frames.findLast(({ about, id }) => about === task?.spec.id && id > running.id),
    );
    live.close();

    const resumed = listen(`${cluster.url}/cluster/events?kind=task`, {
      "last-event-id": String(running.id),
    });
    await eventually("the rest to come again", () => resumed.frames.some(({ id }) => id === last.id));
    resumed.close();
    assert.ok(resumed.frames.every(({ id }) => id > running.id));
  });
});

function listen(url: string, headers: Record<string, string>) {
  const frames: Frame[] = [];
  const abort = new AbortController();
  let isConnected = () => {};
  const connected = new Promise<void>((done) => {
    isConnected = done;
  });
  const read = async () => {
    const response = await fetch(url, { headers, signal: abort.signal });
    let text = "";
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      isConnected();
      text += piece;
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const id = /^id: (\d+)$/m.exec(part)?.[1];
        const data = /^data: (.*)$/m.exec(part)?.[1];
        if (id !== undefined && data !== undefined)
          frames.push({ ...(JSON.parse(data) as Frame), id: Number(id) });
      }
    }
  };
  read().catch(() => {});
  return { frames, connected, close: () => abort.abort() };
}
