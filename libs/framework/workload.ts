import type { AppContainer, AppJvm } from "#protocol/app.js";
import type { ContainerWorkload, Workload } from "#protocol/task.js";
import type { Static } from "typebox";

/** What definitions of apps and of jobs say alike about the program: `jvm`, else `docker`, else a process of the host. */
export interface Program {
  readonly cmd?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly jvm?: Static<typeof AppJvm> | undefined;
  readonly docker?: Docker | undefined;
  /** Of a container. */
  readonly volumes: Static<typeof AppContainer>["volumes"];
}

type Docker = Pick<Static<typeof AppContainer>["docker"], "image" | "forcePullImage" | "privileged">;

/** `network`: of a container; the host's unless given. */
export function workloadOf(
  { cmd, args, jvm, docker, volumes }: Program,
  network: Pick<ContainerWorkload, "network" | "portMappings"> = { network: "host" },
): Workload {
  if (jvm !== undefined)
    return {
      kind: "jvm",
      ...(jvm.jar !== undefined && { jar: jvm.jar }),
      ...(jvm.mainClass !== undefined && { mainClass: jvm.mainClass }),
      ...(jvm.classPath !== undefined && { classPath: jvm.classPath }),
      ...(jvm.options !== undefined && { options: jvm.options }),
      ...(jvm.version !== undefined && { version: jvm.version }),
      ...(args !== undefined && { arguments: [...args] }),
    };
  const program = {
    ...(cmd !== undefined && { command: cmd }),
    ...(args !== undefined && { argv: [...args] }),
  };
  if (docker === undefined) return { kind: "process", ...program };
  return {
    kind: "container",
    image: docker.image,
    forcePull: docker.forcePullImage,
    privileged: docker.privileged,
    ...network,
    ...program,
    volumes: volumes.map(({ hostPath, containerPath, mode }) => ({
      hostPath,
      containerPath,
      readOnly: mode === "RO",
    })),
  };
}
