import { type Static, Type } from "typebox";
import { clusterKeySetting, commonSettings } from "#libs/adapters/config.js";
import { defaultSettings, type MasterSettings } from "./settings.js";

/** What a master reads from its environment. */
export const MasterConfig = Type.Object({
  ...commonSettings,
  clusterKey: clusterKeySetting,
  master: Type.Optional(
    Type.String({
      env: "EMPORION_MASTER",
      minLength: 1,
      description: "its name for people; made unless given",
    }),
  ),
  agentTimeoutMs: Type.Integer({
    env: "EMPORION_AGENT_TIMEOUT_MS",
    default: defaultSettings.agentTimeoutMs,
    minimum: 1000,
    description: "without a report for so long an agent is unreachable",
  }),
  reportIntervalMs: Type.Integer({
    env: "EMPORION_REPORT_INTERVAL_MS",
    default: defaultSettings.reportIntervalMs,
    minimum: 100,
    description: "agents report at least so often: a third of the agent time-out or less",
  }),
  removalShare: Type.Number({
    env: "EMPORION_REMOVAL_SHARE",
    default: defaultSettings.removalShare,
    minimum: 0,
    maximum: 1,
    description: "most agents that may become unreachable within a minute, as a share of all; one always may",
  }),
  forgetAfterMs: Type.Integer({
    env: "EMPORION_FORGET_AFTER_MS",
    default: defaultSettings.forgetAfterMs,
    minimum: 60_000,
    description:
      "an agent that is unreachable or gone for so long is forgotten: its tasks are given up, its id is free again",
  }),
  offerTimeoutMs: Type.Integer({
    env: "EMPORION_OFFER_TIMEOUT_MS",
    default: defaultSettings.offerTimeoutMs,
    minimum: 1000,
    description: "an offer that is not answered for so long is rescinded",
  }),
});
export type MasterConfig = Static<typeof MasterConfig>;

export const settingsOf = (config: Pick<MasterConfig, Knob>): MasterSettings => ({
  ...defaultSettings,
  agentTimeoutMs: config.agentTimeoutMs,
  reportIntervalMs: config.reportIntervalMs,
  removalShare: config.removalShare,
  forgetAfterMs: config.forgetAfterMs,
  offerTimeoutMs: config.offerTimeoutMs,
});

type Knob = "agentTimeoutMs" | "reportIntervalMs" | "removalShare" | "forgetAfterMs" | "offerTimeoutMs";
