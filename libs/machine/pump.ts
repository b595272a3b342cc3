import { observeOn, queueScheduler, Subject } from "rxjs";
import { never } from "#libs/core/time.js";
import type { Cancel, Clock } from "#libs/ports/clock.js";
import type { Machine, Tick } from "./machine.js";

export interface PumpOptions<Event, Effect> {
  readonly machine: Machine<Event, Effect>;
  readonly clock: Clock;
  /** Carries out one effect. Answers come back through `emit`, at once or later. It must not throw for what is expected to fail. */
  readonly perform: (effect: Effect, emit: (event: Event) => void) => void;
  /** Asked before each event and each effect: false ends the pump, with `deposed`. Always true unless given. */
  readonly mayAct?: () => boolean;
  /** The pump ended by itself: the lease is gone, or a bug threw. */
  readonly ended?: (why: PumpEnd) => void;
}

export type PumpEnd = "deposed" | { readonly crash: unknown };

export interface Pump<Event> {
  readonly emit: (event: Event) => void;
  /** Nothing is handled or performed after it. */
  readonly stop: () => void;
}

/** Not for the machine: the turn is over. */
interface TurnOver {
  readonly type: "turnOver";
}
const turnOver: TurnOver = { type: "turnOver" };

/**
 * events → machine → effects, one at a time: an event that an effect emits is handled after all effects of the present
 * event. A machine that settles does so once in each turn of the event loop that brought events. One timer, armed for the
 * machine's next deadline.
 */
export function pump<Event, Effect>({
  machine,
  clock,
  perform,
  mayAct = () => true,
  ended,
}: PumpOptions<Event, Effect>): Pump<Event> {
  const events = new Subject<Event | Tick | TurnOver>();
  let armed: { readonly at: number; readonly cancel: Cancel } | undefined;
  let turn: Cancel | undefined;
  let stopped = false;

  const stop = () => {
    stopped = true;
    armed?.cancel();
    armed = undefined;
    turn?.();
    turn = undefined;
    events.complete();
  };
  const end = (why: PumpEnd) => {
    if (stopped) return;
    stop();
    ended?.(why);
  };
  const emit = (event: Event | Tick | TurnOver) => {
    if (!stopped) events.next(event);
  };

  const effectsOf = (event: Event | Tick | TurnOver): readonly Effect[] => {
    if (event === turnOver) {
      turn = undefined;
      return machine.settle!(clock.now());
    }
    if (machine.settle !== undefined) turn ??= clock.after(0, () => emit(turnOver));
    return machine.handle(clock.now(), event as Event | Tick);
  };
  const handle = (event: Event | Tick | TurnOver) => {
    if (stopped) return;
    try {
      if (!mayAct()) return end("deposed");
      for (const effect of effectsOf(event)) {
        if (stopped) return;
        if (!mayAct()) return end("deposed");
        perform(effect, emit);
      }
      if (turn === undefined) arm();
    } catch (crash) {
      end({ crash });
    }
  };

  /** A timer that is armed too early only costs one tick; one that is too late is armed anew. */
  const arm = () => {
    if (stopped) return;
    const at = machine.nextDeadline();
    if (armed !== undefined && armed.at <= at) return;
    armed?.cancel();
    armed = undefined;
    if (at === never) return;
    const cancel = clock.after(Math.max(0, at - clock.now().mono), () => {
      armed = undefined;
      emit({ type: "tick" });
    });
    armed = { at, cancel };
  };

  events.pipe(observeOn(queueScheduler)).subscribe(handle);
  arm();
  return { emit, stop };
}
