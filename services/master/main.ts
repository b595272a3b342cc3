import { runService } from "#libs/adapters/main.js";
import { MasterConfig, settingsOf } from "./config.js";
import { master, masterModule, type StartMaster } from "./module.js";

await runService({
  name: "master",
  settings: MasterConfig,
  principal: () => ({ kind: "master", id: "master" }),
  start({ settings, container, crashed }) {
    const { cluster, replicas, master: name } = settings;
    container.load(masterModule({ cluster, replicas, name, settings: settingsOf(settings) }));
    return container.get<StartMaster>(master)(crashed);
  },
});
