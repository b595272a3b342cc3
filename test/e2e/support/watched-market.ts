import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Subjects } from "#protocol/subjects.js";
import type { Child } from "#test/support/child.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";
import { startService } from "./services.js";
import { WatchingFramework } from "./watching-framework.js";

/** NATS, the masters and agents that a test starts, each a process of its own, and a framework that watches them. */
export class WatchedMarket {
  readonly subjects: Subjects;
  readonly link: Connected;
  readonly framework: WatchingFramework;
  readonly leaseMs = 1000;
  readonly #nats: NatsServer;
  readonly #workDir = mkdtempSync(join(tmpdir(), "emporion-market-"));
  readonly #children: Child[] = [];

  private constructor(nats: NatsServer, link: Connected) {
    this.subjects = new Subjects("local");
    this.link = link;
    this.framework = new WatchingFramework(link, this.subjects);
    this.#nats = nats;
  }

  static async open(): Promise<WatchedMarket> {
    const nats = await startNats();
    return new WatchedMarket(nats, await connected(nats.url, "watcher"));
  }

  startMaster(): Child {
    return this.#start("master", { EMPORION_LEASE_MS: String(this.leaseMs) });
  }

  startAgent(id: string): Child {
    return this.#start("agent", {
      EMPORION_AGENT_ID: id,
      EMPORION_AGENT_HOST: "127.0.0.1",
      EMPORION_AGENT_WORK_DIR: join(this.#workDir, id),
      EMPORION_AGENT_EXECUTORS: "process",
      // One on which nobody listens.
      EMPORION_AGENT_PORTS: "1-1",
      EMPORION_AGENT_MEM: "256",
      EMPORION_AGENT_KILL_ON_STOP: "true",
    });
  }

  async close(): Promise<void> {
    this.framework.close();
    await Promise.all(this.#children.map((child) => child.end("SIGTERM")));
    await this.link.link.close();
    await this.#nats.stop();
    rmSync(this.#workDir, { recursive: true, force: true });
  }

  #start(service: string, env: Record<string, string>): Child {
    const child = startService(service, [this.#nats.url], env);
    this.#children.push(child);
    return child;
  }
}
