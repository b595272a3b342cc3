import type { DrainOrder } from "#protocol/agent.js";
import type { DrainView } from "#protocol/api.js";
import type { Draining } from "#protocol/framework.js";
import type { DrainRecord } from "./registry.js";

/** The last order about an agent, as the agent, the frameworks and people are told of it. */

/** Whole ms that are left until the deadline. Never more than was given: a clock that was set back puts nothing off. */
const leftMs = ({ since, deadlineMs }: DrainRecord, wall: number): number | undefined =>
  deadlineMs === undefined
    ? undefined
    : Math.ceil(Math.min(deadlineMs, Math.max(0, since + deadlineMs - wall)));

export function orderOf(record: DrainRecord, wall: number): DrainOrder {
  const { number, draining } = record;
  const deadlineInMs = draining ? leftMs(record, wall) : undefined;
  return { number, draining, ...(deadlineInMs !== undefined && { deadlineInMs }) };
}

/** As an agent remembers it, of whose drain the registry knows nothing, or less. */
export function newerOf(
  known: DrainRecord | undefined,
  heard: DrainOrder | undefined,
  wall: number,
): DrainRecord | undefined {
  if (heard === undefined || heard.number <= (known?.number ?? 0)) return known;
  const { number, draining, deadlineInMs } = heard;
  return {
    number,
    draining,
    since: wall,
    ...(deadlineInMs !== undefined && { deadlineMs: deadlineInMs }),
  };
}

/** For a framework; undefined unless it drains. */
export const drainingOf = (record: DrainRecord | undefined): Draining | undefined =>
  record?.draining ? deadlineOf(record) : undefined;

/** For people; undefined unless it drains. */
export const drainView = (record: DrainRecord | undefined): DrainView | undefined =>
  record?.draining
    ? {
        state: record.drainedAt === undefined ? "draining" : "drained",
        since: record.since,
        ...deadlineOf(record),
      }
    : undefined;

const deadlineOf = ({ since, deadlineMs }: DrainRecord): Draining =>
  deadlineMs === undefined ? {} : { deadlineAt: since + deadlineMs };
