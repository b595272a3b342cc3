import { runService } from "#libs/adapters/main.js";
import { claimPorts } from "#libs/adapters/port-claims.js";
import { ownAddress, WorkDirectory } from "#libs/adapters/work-directory.js";
import type { Host } from "#libs/ports/host.js";
import { ports } from "#libs/ports/tokens.js";
import { hostModule } from "./host-wiring.js";
import { agent, agentModule, type StartAgent } from "./module.js";
import {
  AgentSettings,
  allowanceOf,
  attributesOf,
  collectionOf,
  parsePorts,
  settingsFaults,
  totalsOf,
} from "./settings.js";

/** Ends of tasks are waited for when they end with the agent. */
const stopMostMs = 28_000;
const version = "0.1.0";

let directory: WorkDirectory;

await runService({
  name: "agent",
  settings: AgentSettings,
  check: settingsFaults,
  stopMostMs,
  principal: (settings) => {
    directory = new WorkDirectory(settings.workDir, settings.agent);
    return { kind: "agent", id: directory.agent };
  },
  async start({ settings, container, log, crashed }) {
    await directory.lock();
    for (const range of parsePorts(settings.ports) ?? []) await claimPorts(range);
    container.load(hostModule(settings, directory));
    const host = container.get<Host>(ports.host);
    if (!settings.consulEnabled) log.warn("no registry is configured: services are listed by agents alone");
    container.load(
      agentModule({
        cluster: settings.cluster,
        id: directory.agent,
        host: settings.host ?? ownAddress(),
        version,
        totals: (detected) => totalsOf(settings, detected),
        attributes: attributesOf(settings),
        ...(settings.agentKey !== undefined && { key: settings.agentKey }),
        allowance: allowanceOf(settings, host.isRoot),
        collection: collectionOf(settings),
        endTasksOnStop: settings.killOnStop || settings.endAtOnce,
      }),
    );
    const stop = await container.get<StartAgent>(agent)(crashed);
    if (settings.endAtOnce) setImmediate(() => process.kill(process.pid, "SIGTERM"));
    return async () => {
      await stop();
      directory.release();
    };
  },
});
