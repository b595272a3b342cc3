import { Subjects } from "#protocol/subjects.js";
import { runService } from "#libs/adapters/main.js";
import { gatewayModule, gatewayParts } from "./module.js";
import { server } from "./server.js";
import { exposureFault, GatewaySettings } from "./settings.js";

await runService({
  name: "gateway",
  settings: GatewaySettings,
  principal: () => ({ kind: "gateway", id: "gateway" }),
  async start({ settings, container, log }) {
    const { host, port, token, hosts, cluster } = settings;
    const fault = exposureFault(settings);
    if (fault !== undefined) refuse(fault, 78);
    container.load(gatewayModule(new Subjects(cluster)));
    const app = await server(container.get(gatewayParts), token === undefined ? { hosts } : { hosts, token });
    try {
      log.info("listening", { address: await app.listen({ host, port }) });
    } catch (cause) {
      refuse(`cannot listen on ${host}:${port}: ${(cause as Error).message}`, 1);
    }
    return () => app.close();
  },
});

function refuse(why: string, exitCode: number): never {
  process.stderr.write(`gateway: ${why}\n`);
  process.exit(exitCode);
}
