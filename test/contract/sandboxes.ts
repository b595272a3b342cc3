import assert from "node:assert/strict";
import type { Sandboxes } from "#libs/ports/sandboxes.js";
import type { Result } from "#protocol/result.js";

interface World {
  readonly sandboxes: Sandboxes;
  /** As the task would. */
  write(task: string, path: string, content: string): void;
  /** Something that can be brought: its URI. */
  offer(name: string, content: string): string;
  end(): void;
}

/** What every kind of sandboxes has to do. */
export function sandboxesContract(open: () => World): void {
  let world: World;
  beforeEach(() => (world = open()));
  afterEach(() => world.end());
  const create = async (task: string) => value(await world.sandboxes.create(task, undefined));
  const read = async (path: string, offset = 0, length = 1000) => {
    const { bytes, ...rest } = value(await world.sandboxes.read("one", path, offset, length));
    return { ...rest, text: text(bytes) };
  };

  it("creating is safe to repeat, and keeps what is there", async () => {
    await create("one");
    world.write("one", "file", "kept");
    await create("one");
    assert.equal((await read("file")).text, "kept");
    assert.deepEqual(await world.sandboxes.all(), ["one"]);
  });

  it("reads a range, and what is before the end", async () => {
    await create("one");
    world.write("one", "log", "0123456789");
    assert.deepEqual(await read("log"), { offset: 0, size: 10, text: "0123456789" });
    assert.deepEqual(await read("log", 3, 4), { offset: 3, size: 10, text: "3456" });
    assert.deepEqual(await read("log", -3), { offset: 7, size: 10, text: "789" });
    assert.deepEqual(await read("log", -3, 2), { offset: 7, size: 10, text: "78" });
    assert.deepEqual(await read("log", -100), { offset: 0, size: 10, text: "0123456789" });
    assert.deepEqual(await read("log", 100), { offset: 10, size: 10, text: "" });
  });

  it("what is not there, a directory and what is outside are refused in words", async () => {
    await create("one");
    world.write("one", "dir/file", "x");
    const refused = async (path: string) => error(await world.sandboxes.read("one", path, 0, 10));
    assert.equal(await refused("nothing"), "nothing: no such file");
    assert.equal(await refused("dir"), "dir: not a regular file");
    assert.equal(await refused("../other/file"), "../other/file: outside the sandbox");
    assert.equal(await refused("dir/../../x"), "dir/../../x: outside the sandbox");
    assert.equal(await refused("/etc/passwd"), "/etc/passwd: paths are relative to the sandbox");
  });

  it("lists a directory, in order, with kind and size", async () => {
    await create("one");
    world.write("one", "b", "22");
    world.write("one", "a/c", "333");
    const list = async (path: string) =>
      value(await world.sandboxes.list("one", path)).map(({ path: entry, kind, size, modifiedAt }) => {
        assert.ok(modifiedAt > 0);
        return [entry, kind, kind === "file" ? size : "-"];
      });
    assert.deepEqual(await list(""), [
      ["a", "directory", "-"],
      ["b", "file", 2],
    ]);
    assert.deepEqual(await list("a/"), [["a/c", "file", 3]]);
    assert.match(error(await world.sandboxes.list("one", "nothing")), /^nothing: no such file/);
    assert.match(error(await world.sandboxes.list("one", "..")), /outside the sandbox/);
  });

  /** One that began later, for a file that does not grow, and took its whole time. */
  const anotherWaitIsOver = () => world.sandboxes.grown("one", "still", 0, 50);

  it("waits until a file grows", async () => {
    await create("one");
    world.write("one", "log", "begin");
    let grown = false;
    const waiting = world.sandboxes.grown("one", "log", 5, 10_000).then(() => (grown = true));
    await anotherWaitIsOver();
    assert.equal(grown, false);
    world.write("one", "log", "begin and more");
    await waiting;
  });

  it("does not wait for a file that has grown already, nor longer than asked", async () => {
    await create("one");
    world.write("one", "log", "begin");
    await world.sandboxes.grown("one", "log", 3, 10_000);
    const begun = performance.now();
    await world.sandboxes.grown("one", "log", 5, 50);
    assert.ok(performance.now() - begun >= 45);
  });

  it("waits for a file that is not there yet", async () => {
    await create("one");
    let grown = false;
    const waiting = world.sandboxes.grown("one", "stdout", 0, 10_000).then(() => (grown = true));
    await anotherWaitIsOver();
    assert.equal(grown, false);
    world.write("one", "stdout", "first words");
    await waiting;
  });

  it("brings artifacts under their names", async () => {
    await create("one");
    const uri = world.offer("app.jar", "content");
    value(await world.sandboxes.fetch("one", [{ uri }, { uri, path: "lib/other.jar" }]));
    assert.equal((await read("app.jar")).text, "content");
    assert.equal((await read("lib/other.jar")).text, "content");
  });

  it("an artifact that is not there is told in words", async () => {
    await create("one");
    const uri = world.offer("app.jar", "content").replace("app.jar", "none.jar");
    const { reason, message } = error(await world.sandboxes.fetch("one", [{ uri }]));
    assert.equal(reason, "artifact-missing");
    assert.match(message, /none\.jar.*no such file/);
  });

  it("removes a sandbox whole, and that is safe to repeat", async () => {
    await create("one");
    await create("two");
    world.write("one", "a/b/c", "x");
    await world.sandboxes.remove("one");
    await world.sandboxes.remove("one");
    assert.deepEqual(await world.sandboxes.all(), ["two"]);
  });
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

export function value<T, E>(result: Result<T, E>): T {
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.error));
  return result.value;
}
export function error<T, E>(result: Result<T, E>): E {
  assert.ok(!result.ok, "it went well");
  return result.error;
}
