import { runService } from "#libs/adapters/main.js";
import { apps, appsModule, type StartApps } from "./module.js";
import { AppsSettings } from "./settings.js";

await runService({
  name: "apps",
  settings: AppsSettings,
  principal: ({ framework }) => ({ kind: "apps", id: framework }),
  start({ settings, container, crashed }) {
    container.load(appsModule(settings));
    return container.get<StartApps>(apps)(crashed);
  },
});
