import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface DemoOptions {
  readonly root: string;
  /** Of the image with busybox in it; undefined: there are no containers. */
  readonly image: string | undefined;
  /** Path of the JAR; undefined: there is no JDK. */
  readonly jar: string | undefined;
  /** Path of a node that tasks may run; undefined: the one at `node` must be brought into the sandbox. */
  readonly node: { readonly path: string; readonly everybodyMayRun: boolean };
}

const fileUri = (path: string): string => pathToFileURL(path).href;

/** A demo is killed to see what happens: it shall come back at once. */
const eager = { backoffSeconds: 0.2 };

const checkedBy = (path: string) => ({
  protocol: "HTTP",
  path,
  portIndex: 0,
  gracePeriodSeconds: 30,
  intervalSeconds: 2,
  timeoutSeconds: 2,
  maxConsecutiveFailures: 3,
});

/** The demo: real work on real executors, small enough for a laptop. */
export function demoApps({
  root,
  image,
  jar,
  node,
}: DemoOptions): readonly { readonly id: string; readonly instances: number }[] {
  const program = { uri: fileUri(join(root, "services/local/demo/web.mjs")) };
  const web = {
    id: "/demo/web",
    cmd: node.everybodyMayRun ? `exec '${node.path}' web.mjs` : "exec ./node web.mjs",
    fetch: node.everybodyMayRun
      ? [program]
      : [program, { uri: fileUri(node.path), path: "node", executable: true }],
    instances: 3,
    cpus: 0.05,
    mem: 96,
    healthChecks: [checkedBy("/health")],
    ...eager,
  };
  const box = image !== undefined && {
    id: "/demo/box",
    cmd: 'mkdir -p /tmp/www && echo "$EMPORION_TASK_ID on $EMPORION_AGENT" > /tmp/www/index.html && exec httpd -f -p 8000 -h /tmp/www',
    container: { type: "DOCKER", docker: { image }, portMappings: [{ containerPort: 8000, hostPort: 0 }] },
    networks: [{ mode: "container/bridge" }],
    instances: 2,
    cpus: 0.05,
    mem: 32,
    healthChecks: [checkedBy("/")],
    ...eager,
  };
  const jvm = jar !== undefined && {
    id: "/demo/jar",
    jvm: { jar: "demo.jar", version: jarNeeds },
    fetch: [{ uri: fileUri(jar), path: "demo.jar" }],
    instances: 1,
    cpus: 0.1,
    mem: 192,
    healthChecks: [checkedBy("/")],
    ...eager,
  };
  return [web, box, jvm].filter((each) => each !== false);
}

/** It is compiled for that release. */
export const jarNeeds = ">=11";

export const piRuns = 4;

/** π by Machin's formula with the terms that a double can hold; each run adds the terms in its own way and says what it got. */
export const piJob = {
  id: "demo.pi",
  description: "computes pi by Machin's formula: pi = 16 arctan(1/5) - 4 arctan(1/239)",
  run: {
    cmd: `awk 'function at(x,  s, t, k) { t = 1 / x; for (k = 1; t / k > 1e-17; k += 2) { s += (k % 4 == 1 ? t : -t) / k; t /= x * x }; return s } BEGIN { printf "%.14f\\n", 16 * at(5) - 4 * at(239) }'`,
    cpus: 0.05,
    mem: 16,
    restart: { policy: "ON_FAILURE" },
  },
};
