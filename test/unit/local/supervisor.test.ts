import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "#libs/adapters/clock.js";
import { DataDirectory } from "#services/local/data-directory.js";
import { isAlive } from "#services/local/processes.js";
import { consulProgram, type Ports } from "#services/local/programs.js";
import { type Program, Supervisor } from "#services/local/supervisor.js";
import { eventually } from "#test/support/eventually.js";

const program = (name: string, script: string): Program => ({
  name,
  command: "/bin/sh",
  args: ["-c", script],
  env: { PATH: process.env["PATH"] ?? "" },
  stopMs: 5000,
});

describe("a supervisor", () => {
  let dir: string;
  let data: DataDirectory;
  let supervisor: Supervisor;
  let said: string[];
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "emporion-supervisor-"));
    data = await DataDirectory.take(join(dir, "data"));
    said = [];
    supervisor = new Supervisor(data, new SystemClock(), (line) => said.push(line));
  });
  afterEach(async () => {
    await supervisor.stop(() => true);
    rmSync(dir, { recursive: true, force: true });
  });

  const pidIn = (name: string): number => Number(readFileSync(data.pidFile(name), "utf8"));
  const running = (name: string) =>
    eventually(`the pid of ${name}`, () => existsSync(data.pidFile(name)) && pidIn(name) > 0 && pidIn(name));
  const logOf = (name: string): string => readFileSync(data.logFile(name), "utf8");

  it("keeps the pid and all that is said in files; both streams are in one log, and the pid goes at the end", async () => {
    supervisor.start(program("a", "echo out; echo err >&2; exec sleep 1000"));
    const pid = await running("a");
    assert.equal(supervisor.pid("a"), pid);
    await eventually("its words", () => logOf("a") === "out\nerr\n");
    await supervisor.stop((name) => name === "a");
    assert.ok(!isAlive(pid));
    assert.ok(!existsSync(data.pidFile("a")));
    assert.deepEqual(said, []);
  });

  it("a log goes on after a restart; one that has grown large makes room, and the one before is kept", async () => {
    writeFileSync(data.logFile("a"), "before\n");
    assert.equal(await supervisor.runOnce(program("a", "echo more")), undefined);
    assert.equal(logOf("a"), "before\nmore\n");
    truncateSync(data.logFile("a"), 16 * 2 ** 20 + 1);
    assert.equal(await supervisor.runOnce(program("a", "echo new")), undefined);
    assert.equal(logOf("a"), "new\n");
    assert.equal(statSync(`${data.logFile("a")}.1`).size, 16 * 2 ** 20 + 1);
  });

  it("one that dies is started again, and that is said with the place of its log", async () => {
    supervisor.start(program("a", "exec sleep 1000"));
    const before = await running("a");
    process.kill(before, "SIGKILL");
    await eventually("another process", async () => (await running("a")) !== before);
    assert.deepEqual(said, [`a has ended (SIGKILL); starting it again; its log is ${data.logFile("a")}`]);
  });

  it("a log that cannot be opened, as on a full disk, ends nobody: it is said, and tried again", async () => {
    mkdirSync(data.logFile("a"));
    supervisor.start(program("a", "exec sleep 1000"));
    await eventually("two tries", () => said.length >= 2);
    assert.match(said[0]!, /^a has ended \(cannot be started: EISDIR.*\); starting it again/);
    rmdirSync(data.logFile("a"));
    assert.ok(isAlive(await running("a")));
  });

  it("a pid that cannot be written is said once, and written when it can be; the program runs meanwhile", async () => {
    mkdirSync(data.pidFile("a"));
    supervisor.start(program("a", "exec sleep 1000"));
    await eventually("a word of it", () => said.length > 0);
    assert.match(said[0]!, /^a: its pid cannot be written: EISDIR.*; trying again$/);
    const pid = supervisor.pid("a")!;
    assert.ok(isAlive(pid));
    rmdirSync(data.pidFile("a"));
    assert.equal(await running("a"), pid);
    assert.equal(said.length, 1);
  });

  it("a program works in our directory, or in the one that it names: Consul in that of the data, for it reads `services/`", async () => {
    const ports: Ports = { gateways: [1], nats: 2, consulHttp: 3, consulDns: 4, consulOwn: [5, 6, 7] };
    const { cwd } = consulProgram("/opt/consul", data, ports);
    assert.equal(cwd, data.path);
    await supervisor.runOnce(program("a", "pwd"));
    await supervisor.runOnce({ ...program("b", "pwd"), cwd });
    assert.equal(logOf("a"), `${process.cwd()}\n`);
    assert.equal(logOf("b"), `${realpathSync(data.path)}\n`);
  });

  it("what runs once is ended when it takes too long; why it did not end well is told", async () => {
    assert.equal(await supervisor.runOnce(program("a", "exit 3")), "exit code 3");
    assert.equal(await supervisor.runOnce({ ...program("a", "exec sleep 1000"), stopMs: 50 }), "SIGKILL");
    assert.ok(!existsSync(data.pidFile("a")));
  });
});
