import assert from "node:assert/strict";
import { commandLine } from "#libs/adapters/jvm/command-line.js";
import { amounts, type AmountOptions } from "#libs/core/resources.js";
import type { JvmWorkload, TaskSpec } from "#protocol/task.js";

describe("a JVM's command line", () => {
  function line(
    workload: Partial<JvmWorkload>,
    asked: AmountOptions = { cpus: 1.5, mem: 512 },
    over: Partial<TaskSpec> = {},
  ) {
    const whole: JvmWorkload = { kind: "jvm", jar: "app.jar", ...workload };
    const spec: TaskSpec = { id: "one", name: "one", workload: whole, resources: amounts(asked), ...over };
    return commandLine({
      java: "/jdk/bin/java",
      spec,
      workload: whole,
      fromSandbox: (path) => `/box/${path}`,
    });
  }
  const argv = (...parameters: Parameters<typeof line>) => {
    const made = line(...parameters);
    assert.ok(made.ok, made.ok ? "" : made.error);
    return made.value;
  };
  const heap = (...parameters: Parameters<typeof line>) =>
    argv(...parameters).filter((argument) => /^-Xmx|MaxRAM|MaxHeap/.test(argument));
  const refusal = (...parameters: Parameters<typeof line>) => {
    const made = line(...parameters);
    return made.ok ? "" : made.error;
  };

  it("has our flags first, so that the user's win, then the program and its arguments", () => {
    assert.deepEqual(argv({ options: ["-Dx=y"], arguments: ["a", "-b"] }), [
      "/jdk/bin/java",
      "-Xmx384m",
      "-XX:ActiveProcessorCount=2",
      "-XX:+ExitOnOutOfMemoryError",
      "-XX:ErrorFile=/box/hs_err_%p.log",
      "-Dx=y",
      "-jar",
      "/box/app.jar",
      "a",
      "-b",
    ]);
  });

  it("has a class path for a main class: the sandbox unless given", () => {
    const { jar: _, ...workload } = { jar: undefined };
    const tail = (classPath?: string[]) => {
      const whole = {
        kind: "jvm",
        mainClass: "a.Main",
        ...workload,
        ...(classPath && { classPath }),
      } as const;
      const spec = { id: "one", name: "one", workload: whole, resources: amounts({}) };
      const made = commandLine({ java: "java", spec, workload: whole, fromSandbox: (path) => path });
      return made.ok ? made.value.slice(-3) : [];
    };
    assert.deepEqual(tail(["lib/*", "classes"]), ["-cp", "lib/*:classes", "a.Main"]);
    assert.deepEqual(tail(), ["-cp", ".", "a.Main"]);
  });

  it("leaves the JVM a quarter of the memory beside its heap, 64 MiB at least", () => {
    assert.deepEqual(heap({}, { mem: 1024 }), ["-Xmx768m"]); // 1024 × 0.75
    assert.deepEqual(heap({}, { mem: 200 }), ["-Xmx136m"]); // 200 − 64
    assert.deepEqual(heap({}, { mem: 256 }), ["-Xmx192m"]); // both are 64
    assert.deepEqual(heap({}, { mem: 512 }, { limits: { mem: 1_024_000 } }), ["-Xmx768m"]);
    assert.deepEqual(heap({}, { cpus: 1 }), [], "no memory asked for, no limit");
  });

  it("leaves the heap alone where the task says it", () => {
    for (const option of ["-Xmx100m", "-XX:MaxRAMPercentage=60", "-XX:MaxRAM=300m", "-XX:MaxHeapSize=100m"])
      assert.deepEqual(heap({ options: [option] }), [option]);
  });

  it("refuses a heap that does not fit, in numbers", () => {
    const words = (mib: number) =>
      `the heap of ${mib} MiB (-Xmx) does not fit into mem 512 MiB: leave at least 64 MiB for the rest of the JVM`;
    assert.equal(refusal({ options: ["-Xmx512m"] }), words(512));
    assert.equal(refusal({ options: ["-Xmx1G"] }), words(1024));
    assert.equal(refusal({ options: ["-XX:MaxHeapSize=1048576k"] }), words(1024));
    assert.equal(refusal({ options: ["-Xmx2g", "-Xmx100m"] }), "", "the last one wins");
  });

  it("refuses a memory that leaves no heap", () => {
    assert.equal(
      refusal({}, { mem: 64 }),
      "mem 64 MiB leaves no room for a heap: ask for at least 72 MiB, or give -Xmx in the options",
    );
    assert.deepEqual(heap({}, { mem: 72 }), ["-Xmx8m"]);
  });

  it("counts whole processors, and none where no cores were asked for", () => {
    const processors = (cpus: number, over?: Partial<TaskSpec>) =>
      argv({}, { cpus }, over).filter((argument) => argument.includes("ActiveProcessorCount"));
    assert.deepEqual(processors(0.1), ["-XX:ActiveProcessorCount=1"]);
    assert.deepEqual(processors(2), ["-XX:ActiveProcessorCount=2"]);
    assert.deepEqual(processors(0.5, { limits: { cpus: 3000 } }), ["-XX:ActiveProcessorCount=3"]);
    assert.deepEqual(processors(0), []);
  });
});
