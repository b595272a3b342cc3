import { Container } from "inversify";
import type { Static, TObject, TProperties } from "typebox";
import type { Bus } from "#libs/ports/bus.js";
import type { Log } from "#libs/ports/log.js";
import { ports } from "#libs/ports/tokens.js";
import type { Fault } from "#protocol/errors.js";
import type { CommonSettings } from "./config.js";
import { commonSettings, faultText, readConfig } from "./config.js";
import { keepHealthFile } from "./health-file.js";
import { makeLog } from "./log.js";
import { SystemRandom } from "./random.js";
import type { Principal } from "./nats/auth/credentials.js";
import { connectionFaults, openWorld, principalFaults, refusedFault } from "./world.js";

export interface ServiceOptions<P extends TProperties> {
  /** `master`: of the process and its log lines. */
  readonly name: string;
  /** With `...commonSettings` among its properties. */
  readonly settings: TObject<P>;
  /** Faults that a schema cannot find, told together. */
  readonly check?: (settings: Static<TObject<P>>) => readonly Fault[];
  /** As whom it must speak on the bus, where it has credentials. */
  readonly principal?: (settings: Static<TObject<P>>) => Principal;
  /** Starts the service and returns how to end it in good order. */
  readonly start: (running: RunningService<Static<TObject<P>>>) => Stop | Promise<Stop>;
  /** Ending takes no longer than this; 10,000 unless given. */
  readonly stopMostMs?: number;
}

export type Stop = () => void | Promise<void>;

export interface RunningService<S> {
  readonly settings: S;
  /** With the world in it: load the service's module and get what it starts with. */
  readonly container: Container;
  readonly log: Log;
  /** A bug of ours, or nothing can go on: ends the process. Its supervisor starts it again. */
  readonly crashed: (cause: unknown) => void;
}

/** As in sysexits(3): the configuration is wrong; something inside broke. */
const exitCodes = { stopped: 0, crashed: 70, misconfigured: 78 } as const;

/** The life of a process of ours: settings, connection, the service itself, and an end in good order on SIGTERM and SIGINT. */
export async function runService<P extends TProperties>(options: ServiceOptions<P>): Promise<void> {
  const { name, start, stopMostMs = 10_000 } = options;
  process.title = `emporion ${name}`;
  const settings = settingsOrExit(options);
  const common = settings as CommonSettings & { readonly clusterKey?: string };
  const log = makeLog({ level: common.logLevel, name });

  const principal = options.principal?.(settings);
  const faults = principal === undefined ? [] : principalFaults(common, principal);
  if (faults.length > 0) misconfigured(name, faults);
  const stops: Stop[] = [];
  let ending = false;
  const crashed = (cause: unknown) => {
    log.error("crashed", { error: cause });
    process.exit(exitCodes.crashed);
  };
  /** A server that lets us in no more is no bug of ours, and told in a line. */
  const lost = (cause: unknown) => {
    const refused = refusedFault(common, principal, cause);
    if (refused === undefined) crashed(cause);
    else misconfigured(name, [refused]);
  };
  const end = async (signal: string) => {
    if (ending) return;
    ending = true;
    log.info("stopping", { signal });
    setTimeout(() => {
      log.error("could not stop in time", { limitMs: stopMostMs });
      process.exit(exitCodes.crashed);
    }, stopMostMs).unref();
    for (const stop of stops.toReversed()) await stop();
    process.exit(exitCodes.stopped);
  };
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => void end(signal).catch(crashed));

  try {
    const world = await openWorld({
      settings: common,
      name: `${principal === undefined ? name : `${principal.kind}-${principal.id}`}-${new SystemRandom().token(8)}`,
      log,
      ...(common.clusterKey === undefined ? {} : { clusterKey: common.clusterKey }),
    });
    void world.closed.then((cause) => (ending ? undefined : lost(cause ?? new Error("connection closed"))));
    stops.push(() => world.close());
    const container = new Container();
    container.load(world.module);
    stops.push(await start({ settings, container, log, crashed }));
    if (common.healthFile !== undefined)
      stops.push(keepHealthFile(common.healthFile, container.get<Bus>(ports.bus).connection));
    log.info("started", { cluster: common.cluster });
  } catch (cause) {
    lost(cause);
  }
}

function settingsOrExit<P extends TProperties>({
  name,
  settings,
  check = () => [],
}: ServiceOptions<P>): Static<TObject<P>> {
  for (const property of Object.keys(commonSettings))
    if (!(property in settings.properties)) throw new Error(`the settings of ${name} lack ${property}`);
  const read = readConfig(settings, process.env);
  const faults = read.ok
    ? [...check(read.value), ...connectionFaults(read.value as CommonSettings)]
    : read.error;
  if (read.ok && faults.length === 0) return read.value;
  return misconfigured(name, faults);
}

function misconfigured(name: string, faults: readonly Fault[]): never {
  for (const fault of faults) process.stderr.write(`${name}: ${faultText(fault)}\n`);
  process.exit(exitCodes.misconfigured);
}
