import { type Static, Type } from "typebox";

export const eventKinds = ["agent", "framework", "task", "app", "job", "master"] as const;

/** What happened, for people and for programs that watch. Kept in the stream EVENTS; lost ones are not made up for. */
export const ClusterEvent = Type.Object(
  {
    kind: Type.Enum([...eventKinds]),
    type: Type.String({ description: "past tense: `registered`, `unreachable`, `task-running`, `deployed`" }),
    about: Type.String({ description: "id of the agent, framework, task, app or job" }),
    at: Type.Number({ description: "wall ms of whoever says it" }),
    by: Type.String({ description: "who says it: `agent/agent-a`, `apps`, `master`" }),
    message: Type.String(),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { $id: "ClusterEvent" },
);
export type ClusterEvent = Static<typeof ClusterEvent>;

/** One message of the stream: what somebody says at a time, in order. All are of one kind. */
export const EventBatch = Type.Object(
  { events: Type.Array(ClusterEvent, { minItems: 1 }) },
  { $id: "EventBatch" },
);
export type EventBatch = Static<typeof EventBatch>;
