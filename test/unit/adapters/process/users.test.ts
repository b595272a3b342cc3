import assert from "node:assert/strict";
import { Users } from "#libs/adapters/process/users.js";

describe("users of tasks", () => {
  const root = { uid: 0, gid: 0 };
  const policy = { defaultUser: "nobody", allowRoot: false };
  const name = (users: Users, asked?: string) => {
    const user = users.resolve(asked);
    return user.ok ? `${user.value.name}:${user.value.uid}` : user.error;
  };

  it("an agent of root's gives a task the default user, or the one it asks for", () => {
    const users = new Users(policy, root);
    assert.equal(name(users), "nobody:65534");
    assert.equal(name(users, "daemon"), "daemon:1");
    assert.equal(name(users, "1"), "daemon:1");
    assert.equal(name(users, "54321"), "54321:54321");
    assert.equal(name(users, "no-such-user"), "there is no user no-such-user on this host");
  });

  it("root only where it is allowed, by name or by number", () => {
    const refusal = "the agent's configuration does not allow tasks to run as root";
    const users = new Users(policy, root);
    assert.deepEqual([name(users, "root"), name(users, "0")], [refusal, refusal]);
    assert.equal(name(new Users({ ...policy, allowRoot: true }, root), "root"), "root:0");
  });

  it("where some are allowed, no others", () => {
    const users = new Users({ ...policy, allowedUsers: ["daemon"] }, root);
    assert.equal(name(users), "nobody:65534");
    assert.equal(name(users, "nobody"), "nobody:65534");
    assert.equal(name(users, "1"), "daemon:1");
    assert.equal(
      name(users, "bin"),
      "the agent's configuration does not allow user bin; allowed: nobody, daemon",
    );
  });

  it("an agent without root's rights has its own user only", () => {
    const users = new Users(policy, { uid: 1, gid: 1 });
    assert.equal(name(users), "1:1");
    assert.equal(name(users, "daemon"), "daemon:1");
    assert.equal(
      name(users, "root"),
      "the agent does not run as root: its tasks run as its own user (1), not as root",
    );
  });
});
