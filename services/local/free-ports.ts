import { createServer } from "node:net";
import { StartFailure } from "./start-failure.js";

/**
 * The port itself when it can be had, or a free one for 0.
 * @throws StartFailure that names the option with which another one is chosen
 */
export async function freePort(port: number, what: string, option: string): Promise<number> {
  const got = await listenOnce(port);
  if (typeof got === "number") return got;
  const why = got.code === "EADDRINUSE" ? "is taken by another program" : `cannot be used (${got.message})`;
  throw new StartFailure(
    `port ${port} for ${what} ${why}; choose another one with ${option}, or ${option} 0 for any free one`,
  );
}

function listenOnce(port: number): Promise<number | NodeJS.ErrnoException> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", done);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const { port: got } = server.address() as { port: number };
      server.close(() => done(got));
    });
  });
}
