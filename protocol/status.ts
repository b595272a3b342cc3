import { type Static, Type } from "typebox";
import { AgentId, FrameworkId } from "./ids.js";
import { TaskUpdate } from "./task.js";

/**
 * agent → framework through the stream STATUS. An agent has at most one batch of a framework unacknowledged by the stream;
 * `batch` counts 1, 2, … for each (agent, generation, framework) and makes the message id, so a repetition is stored once.
 */
export const StatusBatch = Type.Object(
  {
    agent: AgentId,
    framework: FrameworkId,
    generation: Type.Integer(),
    batch: Type.Integer({ minimum: 1 }),
    updates: Type.Array(TaskUpdate, { minItems: 1, maxItems: 512 }),
  },
  { $id: "StatusBatch" },
);
export type StatusBatch = Static<typeof StatusBatch>;

export const statusMessageId = (batch: StatusBatch): string =>
  `${batch.agent}.${batch.generation}.${batch.framework}.${batch.batch}`;
