import assert from "node:assert/strict";
import type { Parts } from "#services/gateway/parts.js";
import { server } from "#services/gateway/server.js";

/** With an apps service that takes whatever it is given. */
async function put(path: string, body: object): Promise<{ status: number; body: unknown; asked: string[] }> {
  const asked: string[] = [];
  const api = {
    call: async ({ name }: { name: string }) => {
      asked.push(name);
      return name === "list" ? [] : { deployment: { deploymentId: "d", version: "v" }, created: true };
    },
  };
  const app = await server({ api } as unknown as Parts, { hosts: [] });
  const answer = await app.inject({
    method: "PUT",
    url: path,
    payload: body,
    headers: { host: "127.0.0.1" },
  });
  await app.close();
  return { status: answer.statusCode, body: answer.json(), asked };
}

describe("an app that is put under its id", () => {
  it("may say the id too, with slashes around it or not", async () => {
    assert.equal((await put("/v2/apps/q", { cmd: "sleep 1" })).status, 201);
    assert.equal((await put("/v2/apps/q", { id: "q", cmd: "sleep 1" })).status, 201);
  });

  it("may not say another one: nobody knows which of the two is meant", async () => {
    for (const path of ["/v2/apps/q", "/v2/apps/q?partialUpdate=false"]) {
      const { status, body, asked } = await put(path, { id: "/r", cmd: "sleep 1" });
      assert.equal(status, 422);
      assert.deepEqual((body as { details: unknown }).details, [
        {
          path: "/id",
          errors: ['expected /q, as in the path, found "/r"'],
          expected: "/q, as in the path",
          found: '"/r"',
        },
      ]);
      assert.deepEqual(asked, []);
    }
  });
});
