import { AckPolicy, RetentionPolicy, StorageType } from "nats";
import { connected } from "#test/support/link.js";
import { startNats } from "#test/support/nats.js";
import { BenchProcess, programOf, usageOf } from "./processes.js";

export interface BareOptions {
  readonly agents: number;
  readonly tasks: number;
  readonly window: number;
  readonly batch: number;
  readonly hosts: number;
  readonly perConnection: number;
}

export interface BareResult {
  /** Tasks a second. */
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of all processes, nats-server included. */
  readonly cpuMs: number;
}

export interface BareConfig extends BareOptions {
  readonly natsUrl: string;
  readonly first: number;
  readonly count: number;
}

export interface BareDone {
  readonly type: "done";
  readonly ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * What crosses the bus for a batch of tasks, between processes that only parse and write it: a report of the agent and an offer
 * of the master (asked and answered, 20 in a message), the launch record in a bucket, the accept and its answer, one batch of
 * updates through the stream, its acknowledgement by the stream and to the stream.
 */
export async function runBarePath(options: BareOptions): Promise<BareResult> {
  const nats = await startNats();
  const peer = await connected(nats.url, "bench");
  const processes: BenchProcess[] = [];
  const start = (role: string, first = 0, count = 0): BenchProcess => {
    const config: BareConfig = { ...options, natsUrl: nats.url, first, count };
    const flags = ["--max-semi-space-size=64"];
    const started = new BenchProcess({
      name: role,
      file: programOf(`bare-${role}`),
      config: { ...config },
      flags,
    });
    processes.push(started);
    return started;
  };
  try {
    const manager = await peer.link.nc.jetstreamManager();
    await manager.streams.add({
      name: "STATUS",
      subjects: ["bare.status.*.*"],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
    });
    await manager.consumers.add("STATUS", {
      durable_name: "framework",
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 16_384,
    });
    await peer.store.ensure({ name: "bare", replicas: 1 });
    const each = Math.ceil(options.agents / options.hosts);
    for (let first = 0; first < options.agents; first += each)
      start("agents", first, Math.min(each, options.agents - first));
    start("master");
    await Promise.all(processes.map((each) => each.hears("started")));
    const framework = start("framework");
    await framework.hears("started");
    const pids = [nats.pid, ...processes.map(({ pid }) => pid)];
    const cpu = () => pids.reduce((sum, pid) => sum + usageOf(pid).cpuMs, 0);
    const before = cpu();
    framework.tell({ type: "go" });
    const { ms, p50Ms, p99Ms } = await framework.hears<BareDone>("done");
    return { rate: options.tasks / (ms / 1000), p50Ms, p99Ms, cpuMs: cpu() - before };
  } finally {
    await Promise.all(processes.map((each) => each.kill()));
    await peer.link.close();
    await nats.stop();
  }
}
