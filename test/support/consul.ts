import { startChild } from "./child.js";
import { eventually } from "./eventually.js";
import { freePorts, toolPath } from "./tools.js";

export interface ConsulServer {
  /** `127.0.0.1:<port>`, as in CONSUL_HTTP_ADDR. */
  readonly httpAddr: string;
  readonly dnsPort: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** On the same ports, after `kill`; it has forgotten everything. */
  restart(): Promise<void>;
}

/** A private Consul in development mode, in memory. */
export async function startConsul(): Promise<ConsulServer> {
  const [http, dns, serf, wan, server] = await freePorts(5);
  const ports = `ports { http = ${http} dns = ${dns} serf_lan = ${serf} serf_wan = ${wan} server = ${server} grpc = -1 https = -1 }`;
  const argv = ["agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=warn", "-hcl", ports];
  const httpAddr = `127.0.0.1:${http}`;
  const start = async () => {
    const consul = startChild(toolPath("consul"), argv);
    await eventually(
      "Consul to lead itself",
      async () => {
        if (consul.process.exitCode !== null) throw new Error(`consul ended: ${consul.output()}`);
        const answer = await fetch(`http://${httpAddr}/v1/status/leader`).catch(() => undefined);
        return answer?.ok === true && (await answer.text()).length > 2;
      },
      20_000,
    );
    return consul;
  };
  let consul = await start();
  return {
    httpAddr,
    dnsPort: dns!,
    stop: () => consul.end("SIGTERM"),
    kill: () => consul.end("SIGKILL"),
    async restart() {
      consul = await start();
    },
  };
}
