import { Type } from "typebox";
import { clusterKeySetting, commonSettings } from "#libs/adapters/config.js";
import { runService } from "#libs/adapters/main.js";
import { master, masterModule, type StartMaster } from "./module.js";
import { defaultSettings } from "./settings.js";

const Settings = Type.Object({
  ...commonSettings,
  clusterKey: clusterKeySetting,
  name: Type.Optional(
    Type.String({
      env: "EMPORION_MASTER_NAME",
      minLength: 1,
      description: "for people; host and process unless given",
    }),
  ),
  agentTimeoutMs: Type.Integer({
    env: "EMPORION_AGENT_TIMEOUT_MS",
    minimum: 1000,
    default: defaultSettings.agentTimeoutMs,
  }),
  removalShare: Type.Number({
    env: "EMPORION_REMOVAL_SHARE",
    minimum: 0,
    maximum: 1,
    default: defaultSettings.removalShare,
  }),
  offerTimeoutMs: Type.Integer({
    env: "EMPORION_OFFER_TIMEOUT_MS",
    minimum: 1000,
    default: defaultSettings.offerTimeoutMs,
  }),
});

await runService({
  name: "master",
  settings: Settings,
  start({ settings, container, crashed }) {
    const {
      cluster,
      replicas,
      name = `master-${process.pid}`,
      agentTimeoutMs,
      removalShare,
      offerTimeoutMs,
    } = settings;
    const behaviour = { ...defaultSettings, agentTimeoutMs, removalShare, offerTimeoutMs };
    container.load(masterModule({ cluster, master: name, replicas, settings: behaviour }));
    return container.get<StartMaster>(master)(crashed);
  },
});
