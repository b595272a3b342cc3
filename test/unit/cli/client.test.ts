import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Client } from "#services/cli/client.js";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { freePorts } from "#test/support/tools.js";

describe("a gateway that cannot be asked", () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function failureOf(connected: (socket: Socket) => void): Promise<Failure> {
    server = createServer(connected).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return failureAt(`http://127.0.0.1:${port}`);
  }
  const failureAt = async (url: string): Promise<Failure> => {
    const failure = await new Client({ url }).get("/v2/apps").catch((cause: unknown) => cause);
    assert(failure instanceof Failure, String(failure));
    assert.equal(failure.exitCode, exitCodes.unreachable);
    return failure;
  };

  it("and closes the connection once it has the request: that is what happened, and no other language", async () => {
    const { message } = await failureOf((socket) => socket.once("data", () => socket.end()));
    assert.match(message, /^the connection to \S+ broke before the answer was there \(.+\): what was asked/);
  });

  it("and resets it: the same", async () => {
    const { message } = await failureOf((socket) => socket.once("data", () => socket.resetAndDestroy()));
    assert.match(message, /^the connection to \S+ broke before the answer/);
  });

  it("for it is another server, which speaks another language", async () => {
    const { message } = await failureOf((socket) => socket.write("INFO {}\r\n"));
    assert.match(message, /does not speak HTTP, so it is not Emporion's gateway; --url/);
  });

  it("for its port is one that clients refuse: that is not said as if nobody ran there", async () => {
    const { message } = await failureAt("http://127.0.0.1:1");
    assert.match(message, /^the port of http:\/\/127\.0\.0\.1:1 is one that HTTP clients refuse to ask/);
  });

  it("for nobody listens there", async () => {
    const [port] = await freePorts(1);
    assert.match(
      (await failureAt(`http://127.0.0.1:${port}`)).message,
      /\(nobody listens there\): is it running\?/,
    );
  });
});
