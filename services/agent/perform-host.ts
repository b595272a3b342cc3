import type { ExecutorInfo } from "#protocol/offer.js";
import type { ExecutorKind } from "#protocol/task.js";
import type { Catalog } from "#libs/ports/catalog.js";
import type { Executor } from "#libs/ports/executor.js";
import type { Host } from "#libs/ports/host.js";
import type { Journal } from "#libs/ports/journal.js";
import type { Log } from "#libs/ports/log.js";
import type { Probe, ProbeResult } from "#libs/ports/probe.js";
import type { Sandboxes } from "#libs/ports/sandboxes.js";
import type { LaunchFailure } from "#libs/core/launch.js";
import { fail, type Result } from "#protocol/result.js";
import type { AgentEffect, AgentEvent } from "./events.js";
import type { BusEffect } from "./perform-bus.js";
import { portsFailure } from "./taken-ports.js";

export interface HostWorld {
  readonly journal: Journal;
  readonly executors: readonly Executor[];
  readonly sandboxes: Sandboxes;
  readonly host: Host;
  readonly probe: Probe;
  readonly catalog: Catalog;
  readonly log: Log;
}

export type HostEffect = Exclude<AgentEffect, BusEffect | { readonly type: "note" | "stop" }>;

type Emit = (event: AgentEvent) => void;
type Effect<T> = Extract<HostEffect, { readonly type: T }>;

export function performOnHost(world: HostWorld, effect: HostEffect, emit: Emit): void {
  const { journal, executors, sandboxes, catalog } = world;
  switch (effect.type) {
    case "appendRecords":
      return write(
        journal.append(effect.records, { sync: effect.sync, mayUseReserve: effect.mayUseReserve }),
        emit,
      );
    case "compactRecords":
      return write(journal.compact(effect.records), emit);
    case "recoverTasks":
      return void recoverTasks(world, effect, emit);
    case "findSandboxes":
      return settle(
        sandboxes.all(),
        (tasks) => emit({ type: "sandboxesFound", tasks }),
        (message) => world.log.warn("the sandboxes cannot be listed", { cause: message }),
      );
    case "detectExecutors":
      return void detectExecutors(executors).then((detected) =>
        emit({ type: "executorsDetected", ...detected }),
      );
    case "lookAtPorts":
      return settle(
        world.host.takenPorts(effect.ports),
        (taken) => emit({ type: "portsSeen", taken }),
        (message) => world.log.warn("it cannot be seen which ports are taken", { cause: message }),
      );
    case "tellReached":
      for (const executor of executors) executor.reached?.();
      return;
    case "prepareTask":
      return void prepareTask(world, effect, emit);
    case "launchTask":
      return void launchTask(world, effect, emit);
    case "signalTask":
      return void signalTask(world, effect);
    case "probeTask":
      return void probeTask(world, effect, emit);
    case "releaseTask":
      return void releaseTask(world, effect, emit);
    case "collectTask":
      return void collectTask(world, effect, emit);
    case "measureDisk":
      return measureDisk(world, emit);
    case "listEntries":
      return settleResult(
        catalog.list(effect.prefix),
        (found) => emit({ type: "entriesListed", found }),
        (message) => emit({ type: "entriesUnknown", message }),
      );
    case "registerEntry":
      return changeEntry(effect.entry.id, catalog.register(effect.entry), emit);
    case "deregisterEntry":
      return changeEntry(effect.id, catalog.deregister(effect.id), emit);
    case "tellHealth":
      return changeEntry(effect.id, catalog.tell(effect.id, effect.healthy), emit);
    case "readFile":
      return settleResult(
        sandboxes.read(effect.task, effect.path, effect.offset, effect.length),
        (file) => emit({ type: "fileRead", reply: effect.reply, file }),
        (message) => emit({ type: "readingFailed", reply: effect.reply, message }),
      );
    case "listDirectory":
      return settleResult(
        sandboxes.list(effect.task, effect.path),
        (entries) => emit({ type: "directoryListed", reply: effect.reply, entries }),
        (message) => emit({ type: "readingFailed", reply: effect.reply, message }),
      );
    case "awaitGrowth":
      return settle(
        sandboxes.grown(effect.task, effect.path, effect.size, effect.timeoutMs),
        () => emit({ type: "fileGrown", reply: effect.reply }),
        () => emit({ type: "fileGrown", reply: effect.reply }),
      );
  }
}

/** All that can be run here, and in words why the rest cannot. */
export async function detectExecutors(
  executors: readonly Executor[],
): Promise<{ readonly executors: ExecutorInfo[]; readonly warnings: string[] }> {
  const found: ExecutorInfo[] = [];
  const warnings: string[] = [];
  const detected = await Promise.all(
    executors.map(async (executor) => {
      const { kind } = executor;
      try {
        return { kind, result: await executor.detect() };
      } catch (cause) {
        return { kind, result: fail(words(cause)) };
      }
    }),
  );
  for (const { kind, result } of detected) {
    if (result.ok) {
      found.push(result.value);
      warnings.push(...result.value.warnings.map((warning) => `${kind}: ${warning}`));
    } else warnings.push(`${kind}: ${result.error}`);
  }
  return { executors: found, warnings };
}

async function recoverTasks(
  { executors }: HostWorld,
  { kind, orders }: Effect<"recoverTasks">,
  emit: Emit,
): Promise<void> {
  const executor = executors.find((each) => each.kind === kind);
  if (executor === undefined)
    return emit({ type: "recoverFailed", kind, message: `this agent has no executor for ${kind}` });
  try {
    emit({ type: "recovered", kind, found: await executor.recover(orders) });
  } catch (cause) {
    emit({ type: "recoverFailed", kind, message: words(cause) });
  }
}

/** Ports first: nothing is brought for a task that cannot have them. */
async function prepareTask(
  { host, sandboxes }: HostWorld,
  { task, user, artifacts, ports }: Effect<"prepareTask">,
  emit: Emit,
): Promise<void> {
  const failed = (fault: LaunchFailure) => emit({ type: "prepareFailed", task, fault });
  try {
    const inUse = ports.length === 0 ? ports : await takenOf(ports, host);
    // Its sandbox is made all the same: people look there for what happened.
    const created = await sandboxes.create(task, user);
    const refused = portsFailure(inUse);
    if (refused !== undefined) return failed(refused);
    if (!created.ok) return failed(created.error);
    const fetched = artifacts.length === 0 ? created : await sandboxes.fetch(task, artifacts);
    if (!fetched.ok) return failed(fetched.error);
    emit({ type: "prepared", task });
  } catch (cause) {
    failed({ reason: "launch-failed", message: `preparing the sandbox failed: ${words(cause)}` });
  }
}

async function takenOf(ports: readonly number[], host: Host): Promise<readonly number[]> {
  const taken = await Promise.all(ports.map((port) => host.portTaken(port)));
  return ports.filter((_, index) => taken[index]);
}

async function launchTask(world: HostWorld, { order }: Effect<"launchTask">, emit: Emit): Promise<void> {
  const task = order.spec.id;
  try {
    const launched = await executorOf(world, order.spec.workload.kind).launch(order);
    if (launched.ok) emit({ type: "launched", task });
    else emit({ type: "launchFailed", task, fault: launched.error });
  } catch (cause) {
    emit({ type: "launchFailed", task, fault: { reason: "launch-failed", message: words(cause) } });
  }
}

/** Sent again by the machine until the end is seen. */
async function signalTask(world: HostWorld, { kind, task, force }: Effect<"signalTask">): Promise<void> {
  try {
    await executorOf(world, kind).kill(task, force);
  } catch (cause) {
    world.log.warn("a task cannot be signalled", { task, force, cause: words(cause) });
  }
}

async function probeTask(
  world: HostWorld,
  { kind, task, probe, check, host, port }: Effect<"probeTask">,
  emit: Emit,
): Promise<void> {
  const ask = (): Promise<ProbeResult> => {
    switch (check.kind) {
      case "http":
        return world.probe.http(`http://${host}:${port}${check.path ?? "/"}`, check.timeoutMs);
      case "tcp":
        return world.probe.tcp(host, port, check.timeoutMs);
      case "command":
        return runCheck(executorOf(world, kind), task, check.command ?? "false", check.timeoutMs);
    }
  };
  try {
    emit({ type: "probed", task, probe, ...(await ask()) });
  } catch (cause) {
    emit({ type: "probed", task, probe, healthy: false, message: words(cause) });
  }
}

async function runCheck(
  executor: Executor,
  task: string,
  command: string,
  timeoutMs: number,
): Promise<ProbeResult> {
  const ran = await executor.run(task, command, timeoutMs);
  return ran.ok
    ? { healthy: ran.value === 0, message: `the check's exit code is ${ran.value}` }
    : { healthy: false, message: ran.error };
}

async function releaseTask(
  world: HostWorld,
  { kind, task }: Effect<"releaseTask">,
  emit: Emit,
): Promise<void> {
  try {
    await executorOf(world, kind).collect(task);
  } catch (cause) {
    world.log.warn("an ended task is not removed yet", { task, kind, cause: words(cause) });
  }
  emit({ type: "released", task });
}

/** The executor first: a container may still use its sandbox. */
async function collectTask(
  { executors, sandboxes }: HostWorld,
  { task, kind }: Effect<"collectTask">,
  emit: Emit,
): Promise<void> {
  try {
    for (const executor of executors)
      if (kind === undefined || executor.kind === kind) await executor.collect(task);
    await sandboxes.remove(task);
    emit({ type: "collected", task });
  } catch (cause) {
    emit({ type: "collectFailed", task, message: words(cause) });
  }
}

function measureDisk({ host, log }: HostWorld, emit: Emit): void {
  if (host.diskFree === undefined) return;
  settle(
    host.diskFree(),
    (freeFraction) => emit({ type: "diskMeasured", freeFraction }),
    (message) => log.warn("the disk cannot be measured", { cause: message }),
  );
}

const changeEntry = (id: string, change: Promise<Result<void, string>>, emit: Emit): void =>
  settleResult(
    change,
    () => emit({ type: "entryDone", id }),
    (message) => emit({ type: "entryFailed", id, message }),
  );

const write = (writing: Promise<void>, emit: Emit): void =>
  settle(
    writing,
    () => emit({ type: "written" }),
    (message) => emit({ type: "writeFailed", message }),
  );

function executorOf({ executors }: HostWorld, kind: ExecutorKind): Executor {
  const executor = executors.find((each) => each.kind === kind);
  if (executor === undefined) throw new Error(`this agent has no executor for ${kind}`);
  return executor;
}

/** Only what the promise says is caught: a bug in `done` must not pass for a failure outside. */
async function settled<T>(
  promise: Promise<T>,
  done: (value: T) => void,
  failed: (message: string) => void,
): Promise<void> {
  let value: T;
  try {
    value = await promise;
  } catch (cause) {
    return failed(words(cause));
  }
  done(value);
}

const settle = <T>(...what: Parameters<typeof settled<T>>): void => void settled(...what);

const settleResult = <T>(
  promise: Promise<Result<T, string>>,
  done: (value: T) => void,
  failed: (message: string) => void,
): void => settle(promise, (result) => (result.ok ? done(result.value) : failed(result.error)), failed);

const words = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
