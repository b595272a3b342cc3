import { hostExecutors } from "#libs/adapters/host-executors.js";
import { Users } from "#libs/adapters/process/users.js";
import { amounts } from "#libs/core/resources.js";
import { join } from "node:path";

/** An agent's process to be killed: launches one task, says so, and waits. */
const [workDir, id, command] = process.argv.slice(2) as [string, string, string];
const user = process.getuid?.() === 0 ? "nobody" : `${process.getuid?.()}`;
const [executor] = hostExecutors({
  workDir,
  agent: "test",
  users: new Users({ defaultUser: user, allowRoot: false }),
  sandbox: (task) => join(workDir, "sandboxes", task),
  env: {},
});
const launched = await executor.launch({
  spec: { id, name: id, workload: { kind: "process", command }, resources: amounts({ cpus: 0.1, mem: 64 }) },
  framework: "tests",
  host: "127.0.0.1",
  env: { EMPORION_TASK_ID: id },
});
process.stdout.write(`${JSON.stringify(launched)}\n`);
