import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { makeDirectory } from "#libs/adapters/make-directory.js";
import { StartFailure } from "./start-failure.js";
import { processRuns } from "./processes.js";

/** The state of one cluster on this machine. One cluster at a time works with it. */
export class DataDirectory {
  readonly path: string;
  readonly #wasThere: boolean;

  private constructor(path: string) {
    this.path = path;
    this.#wasThere = existsSync(path);
  }

  /** Makes it if need be and takes it for this process. @throws StartFailure when another cluster has it */
  static async take(path: string): Promise<DataDirectory> {
    const data = new DataDirectory(path);
    try {
      for (const each of ["run", "log", "keys"]) makeDirectory(join(path, each));
      // Tasks run as another user and must reach their sandboxes; the keys are for nobody else.
      await chmod(path, 0o755);
      await chmod(join(path, "keys"), 0o700);
    } catch (cause) {
      throw new StartFailure(`the data directory ${path} cannot be used: ${(cause as Error).message}`);
    }
    await data.#lock();
    return data;
  }

  in(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /**
   * The configuration file of the NATS server, written anew. All of it stands there: what only the command line says of JetStream is
   * gone when the server is told to read its file again, as after `emporion auth revoke`.
   *
   * @param authorization file that says who may say what; anybody may say anything unless given
   */
  async natsConfiguration(port: number, authorization: string | undefined): Promise<string> {
    const file = this.in("nats.conf");
    const lines = [
      `listen: "127.0.0.1:${port}"`,
      `jetstream { store_dir: ${JSON.stringify(this.in("nats"))} }`,
      // The server looks for it from where this file is.
      ...(authorization === undefined
        ? []
        : [`include ${JSON.stringify(relative(this.path, authorization))}`]),
    ];
    await writeFile(file, `${lines.join("\n")}\n`);
    return file;
  }

  pidFile = (name: string): string => this.in("run", `${name}.pid`);
  logFile = (name: string): string => this.in("log", `${name}.log`);

  async release(): Promise<void> {
    await rm(this.pidFile("local"), { force: true });
  }

  /** Nothing was started: it is as if it had never been taken. */
  async undo(): Promise<void> {
    await this.release();
    if (!this.#wasThere) await rm(this.path, { recursive: true, force: true });
  }

  /** The secret from which the agents' keys are derived: made once, readable for its owner only. */
  async clusterKeyFile(): Promise<string> {
    const file = this.in("keys", "cluster.key");
    await this.#writeOnce(file, randomBytes(32).toString("hex"));
    return file;
  }

  async agentKeyFile(agent: string, key: string): Promise<string> {
    const file = this.in("keys", `${agent}.key`);
    await writeFile(file, key, { mode: 0o600 });
    return file;
  }

  /** Those that have a work directory here: of this start or of an earlier one. */
  async agents(): Promise<string[]> {
    const entries = await readdir(this.in("agents"), { withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted();
  }

  async forgetAgent(agent: string): Promise<void> {
    await rm(this.in("agents", agent), { recursive: true, force: true, maxRetries: 3 });
    for (const secret of [`${agent}.key`, `agent-${agent}.key`, `agent-${agent}.creds`])
      await rm(this.in("keys", secret), { force: true });
  }

  async #writeOnce(file: string, text: string): Promise<void> {
    try {
      await writeFile(file, text, { mode: 0o600, flag: "wx" });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    }
  }

  async #lock(): Promise<void> {
    const file = this.pidFile("local");
    for (let tries = 0; tries < 2; tries++) {
      try {
        const lock = await open(file, "wx");
        await lock.writeFile(String(process.pid));
        return await lock.close();
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      }
      const holder = Number(await readFile(file, "utf8").catch(() => ""));
      if (await isCluster(holder))
        throw new StartFailure(
          `the data directory ${this.path} is in use by another cluster (process ${holder}); stop it, or name another one with --data`,
        );
      await rm(file, { force: true });
    }
    throw new StartFailure(
      `the data directory ${this.path} is being taken by another cluster at this moment`,
    );
  }
}

/** Under `npm start` the set-up goes on as the cluster. */
const isCluster = async (pid: number): Promise<boolean> =>
  (await processRuns(pid, "services/local/main.js")) ||
  (await processRuns(pid, "services/local/setup/start.mjs"));
