import { eventually } from "./eventually.js";
import { type NatsServer, startNats } from "./nats.js";
import { freePorts } from "./tools.js";

export interface NatsClusterServer extends NatsServer {
  /** Waits until it has all that the others have: before, losing another one might lose the majority. */
  caughtUp(): Promise<void>;
  /** Names of the streams and buckets, and on how many servers each is to stand. */
  replicas(): Promise<Readonly<Record<string, number>>>;
}

/** Some nats-servers that are one cluster. */
export async function startNatsCluster(count: number): Promise<readonly NatsClusterServer[]> {
  const ports = await freePorts(2 * count);
  const routePorts = ports.slice(count);
  const routes = routePorts.map((port) => `nats-route://127.0.0.1:${port}`).join(",");
  return Promise.all(
    routePorts.map(async (port, index) => {
      const monitor = String(ports[index]);
      const cluster = ["--cluster_name", "test", "--cluster", `nats://127.0.0.1:${port}`, "--routes", routes];
      const server = await startNats({
        configuration: `server_name: n${index + 1}`,
        flags: ["-m", monitor, ...cluster],
      });
      const isHealthy = () =>
        fetch(`http://127.0.0.1:${monitor}/healthz`)
          .then(({ ok }) => ok)
          .catch(() => false);
      return {
        ...server,
        async caughtUp() {
          await eventually(`server ${index + 1} to have caught up`, isHealthy, 60_000);
        },
        async replicas() {
          const answer = await fetch(`http://127.0.0.1:${monitor}/jsz?streams=true&config=true`);
          const { account_details: accounts } = (await answer.json()) as JetStreamFigures;
          const streams = accounts.flatMap(({ stream_detail }) => stream_detail);
          return Object.fromEntries(streams.map(({ name, config }) => [name, config.num_replicas]));
        },
      };
    }),
  );
}

interface JetStreamFigures {
  readonly account_details: readonly {
    readonly stream_detail: readonly {
      readonly name: string;
      readonly config: { readonly num_replicas: number };
    }[];
  }[];
}
