import { runService } from "#libs/adapters/main.js";
import { jobs, jobsModule, type StartJobs } from "./module.js";
import { JobsSettings } from "./settings.js";

await runService({
  name: "jobs",
  settings: JobsSettings,
  principal: ({ framework }) => ({ kind: "jobs", id: framework }),
  start({ settings, container, crashed }) {
    container.load(jobsModule(settings));
    return container.get<StartJobs>(jobs)(crashed);
  },
});
