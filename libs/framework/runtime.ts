import { standFor, type Term } from "#libs/machine/leader.js";
import type { Tick } from "#libs/machine/machine.js";
import { pump } from "#libs/machine/pump.js";
import { Vault } from "#libs/machine/vault.js";
import type { Instant } from "#libs/core/time.js";
import type { Message } from "#libs/ports/bus.js";
import type { Lease } from "#libs/ports/lease.js";
import type { Delivery } from "#libs/ports/stream.js";
import { listen } from "./bus-wiring.js";
import type { FrameworkEvent } from "./events.js";
import { FrameworkMachine } from "./machine.js";
import { performFramework, type PerformContext } from "./perform.js";
import type { Scheduler } from "./scheduler.js";
import type {
  FrameworkCame,
  FrameworkDoes,
  FrameworkPorts,
  Service,
  ServiceOptions,
  ServiceTerm,
  TermVault,
} from "./service.js";

/** Ends the present term, if any, and stands no more. Tasks go on. */
export type Stop = () => Promise<void>;

/**
 * Runs a service that is a framework: stands for the lease `fw-<id>`, and for each term loads the bucket `fw-<id>`, makes the
 * service and pumps. `crashed`: a bug threw (an assertion, an error in a scheduler's answer); the term has ended, and
 * nothing of its state can be trusted: end the process and start anew.
 */
export function runService<Event extends object, Effect extends { readonly type: string }>(
  ports: FrameworkPorts,
  options: ServiceOptions,
  begin: (term: ServiceTerm) => Service<Event, Effect>,
  crashed: (cause: unknown) => void,
): Stop {
  const { id } = options;
  const log = ports.log.child({ framework: id });
  const lease = ports.lease(`fw-${id}`, `${id}-${ports.random.token(8)}`);
  const told = { ...ports, log };
  const runTerm = async (term: Term) => {
    const vault = await openVault(told, options, lease, term);
    if (vault !== undefined) startTerm(told, options, lease, term, vault, begin, crashed);
  };
  return standFor(lease, log, runTerm, crashed);
}

/** For a framework that is nothing but its scheduler. */
export function runFramework(
  ports: FrameworkPorts,
  options: ServiceOptions,
  begin: (context: FrameworkContext) => Scheduler,
  crashed: (cause: unknown) => void,
): Stop {
  return runService<Woken, never>(
    ports,
    options,
    (term) => {
      let wake = () => {};
      const scheduler = begin({ epoch: term.epoch, log: term.log, wake: () => wake() });
      const framework = new FrameworkMachine(term.framework, scheduler);
      return {
        machine: {
          handle: (at: Instant, event: Woken | FrameworkCame | Tick) =>
            framework
              .handle(at, event.type === "framework" ? event.event : event)
              .map((effect) => ({ type: "framework", effect }) as const),
          nextDeadline: () => framework.nextDeadline(),
        },
        perform: () => {},
        listen: (emit) => {
          wake = () => emit({ type: "woken" });
          return () => {};
        },
      };
    },
    crashed,
  );
}

interface Woken {
  readonly type: "woken";
}

/** What a framework's scheduler is made with when its term begins. */
export interface FrameworkContext {
  readonly epoch: number;
  readonly log: FrameworkPorts["log"];
  /** To be called when something outside has changed what the scheduler answers. */
  wake(): void;
}

async function openVault(
  { store, clock, log, random, subjects }: FrameworkPorts,
  { id, replicas = 1 }: ServiceOptions,
  lease: Lease,
  { epoch, mayAct }: Term,
): Promise<Vault | undefined> {
  const writer = random.token(12);
  return Vault.open({
    store,
    bucket: subjects.bucket(`fw-${id}`),
    replicas,
    epoch,
    writer,
    clock,
    log,
    mayAct,
    heard: (later) => lease.heard(later),
  });
}

function startTerm<Event extends object, Effect extends { readonly type: string }>(
  ports: FrameworkPorts,
  options: ServiceOptions,
  lease: Lease,
  term: Term,
  vault: Vault,
  begin: (term: ServiceTerm) => Service<Event, Effect>,
  crashed: (cause: unknown) => void,
): void {
  const { log } = ports;
  const written = termVault(vault, term);
  const context: PerformContext & { readonly ports: FrameworkPorts } = {
    id: options.id,
    ports,
    vault: written,
    tickets: new Map<number, Message>(),
    deliveries: new Map<number, Delivery>(),
    resign(reason, epoch) {
      if (epoch !== undefined) lease.heard(epoch);
      term.resign(reason);
    },
  };
  const service = begin(serviceTerm(options, term, vault, written, ports));
  const pumping = pump<Event | FrameworkCame, Effect | FrameworkDoes>({
    machine: service.machine,
    clock: ports.clock,
    mayAct: term.mayAct,
    perform: (effect, answer) => {
      if (isFrameworks(effect))
        performFramework(effect.effect, (event) => answer({ type: "framework", event }), context);
      else service.perform(effect, answer);
    },
    ended: (why) => {
      if (why === "deposed") return term.resign("the lease ran out");
      log.error("a bug: the term ends", { cause: described(why.crash) });
      term.resign("a bug");
      crashed(why.crash);
    },
  });
  term.onEnd(() => pumping.stop());
  const came = (event: FrameworkEvent) => pumping.emit({ type: "framework", event });
  term.onEnd(listen(context, came));
  term.onEnd(service.listen?.((event) => pumping.emit(event)) ?? (() => {}));
  came({ type: "started" });
}

const isFrameworks = (effect: { readonly type: string }): effect is FrameworkDoes =>
  effect.type === "framework";

function serviceTerm(
  { id, role, name = id, failoverTimeoutMs, watch }: ServiceOptions,
  { epoch }: Term,
  { identity: bucket, loaded }: Vault,
  vault: TermVault,
  { log }: FrameworkPorts,
): ServiceTerm {
  const timeout = failoverTimeoutMs === undefined ? {} : { failoverTimeoutMs };
  return {
    framework: { id, role, name, ...timeout, epoch, bucket, loaded, watch },
    epoch,
    bucket,
    loaded,
    vault,
    log,
  };
}

/** A write that somebody else's came before ends the term: he leads. */
function termVault(vault: Vault, term: Term): TermVault {
  const ends = (outcome: "stored" | "deposed") => {
    if (outcome === "deposed") term.resign("somebody else has written to the bucket");
    return outcome;
  };
  return {
    put: async (key, value) => ends(await vault.put(key, value)),
    remove: async (key) => ends(await vault.remove(key)),
  };
}

const described = (cause: unknown): string =>
  cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
