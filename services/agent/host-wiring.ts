import { ContainerModule } from "inversify";
import { ConsulCatalog } from "#libs/adapters/consul.js";
import { ContainerExecutor } from "#libs/adapters/docker/executor.js";
import { SystemHost } from "#libs/adapters/host.js";
import { hostExecutors } from "#libs/adapters/host-executors.js";
import { FileJournal } from "#libs/adapters/journal.js";
import { NoCatalog } from "#libs/adapters/no-catalog.js";
import { HostProbe } from "#libs/adapters/probe.js";
import { Users } from "#libs/adapters/process/users.js";
import { HostSandboxes } from "#libs/adapters/sandboxes.js";
import type { WorkDirectory } from "#libs/adapters/work-directory.js";
import type { Executor } from "#libs/ports/executor.js";
import type { Log } from "#libs/ports/log.js";
import { provide } from "#libs/ports/provide.js";
import { ports } from "#libs/ports/tokens.js";
import type { AgentSettings } from "./settings.js";

/** Binds the host's side of the ports: journal, executors, sandboxes, host, probe, catalog. All in one work directory. */
export const hostModule = (settings: AgentSettings, directory: WorkDirectory): ContainerModule =>
  new ContainerModule((options) => {
    const workDir = directory.path;
    const users = new Users({
      defaultUser: settings.defaultUser ?? "nobody",
      allowRoot: settings.allowRoot,
    });
    const sandboxes = new HostSandboxes({ workDir, users });
    provide(options, ports.journal, [], () => new FileJournal(`${workDir}/journal`));
    provide(options, ports.sandboxes, [], () => sandboxes);
    provide(options, ports.host, [], () => new SystemHost({ workDir }));
    provide(options, ports.probe, [], () => new HostProbe());
    provide(options, ports.catalog, [], () =>
      settings.consulEnabled ? consulOf(settings) : new NoCatalog(),
    );
    provide(options, ports.executors, [ports.log], (log) =>
      executorsOf(settings, directory, { users, sandbox: sandboxes.directory, log }),
    );
  });

const consulOf = ({ consul: address, consulToken: token }: AgentSettings): ConsulCatalog =>
  new ConsulCatalog(token === undefined ? { address } : { address, token });

function executorsOf(
  settings: AgentSettings,
  { path: workDir, agent }: WorkDirectory,
  {
    users,
    sandbox,
    log,
  }: { readonly users: Users; readonly sandbox: (task: string) => string; readonly log: Log },
): Executor[] {
  const { javaHome, path, jdks, cluster, dockerHost, dockerConfig, executors: wanted } = settings;
  const executors: Executor[] = [];
  if (wanted.includes("process") || wanted.includes("jvm"))
    executors.push(
      ...hostExecutors({
        workDir,
        agent,
        users,
        sandbox,
        jdkRoots: jdks,
        env: { JAVA_HOME: javaHome, PATH: path },
      }),
    );
  if (settings.docker)
    executors.push(
      new ContainerExecutor({
        cluster,
        agent,
        owner: workDir,
        sandbox,
        policy: { privileged: settings.allowPrivileged, hostMounts: settings.hostMounts },
        log,
        ...(dockerHost !== undefined && { dockerHost }),
        ...(dockerConfig !== undefined && { loginsFile: dockerConfig }),
      }),
    );
  return executors.filter(({ kind }) => wanted.includes(kind));
}
