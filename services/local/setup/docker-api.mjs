import { request } from "node:http";

/**
 * One call to a Docker engine over its unix socket.
 * @param {{socket: string, method?: string, path: string, body?: object, limitMs?: number}} call a body that is a Buffer is sent as a tar
 * @returns {Promise<{status: number, body: string}>} rejects only when the engine cannot be reached or is silent for limitMs (default 60 s)
 */
export function callDocker({ socket, method = "GET", path, body, limitMs = 60_000 }) {
  const isTar = Buffer.isBuffer(body);
  const bytes = body === undefined || isTar ? body : Buffer.from(JSON.stringify(body));
  const headers =
    bytes === undefined
      ? {}
      : { "content-type": isTar ? "application/x-tar" : "application/json", "content-length": bytes.length };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: socket, method, path, headers, agent: false, timeout: limitMs },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode, body: text }));
        answer.on("error", reject);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: silent for ${limitMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(bytes);
  });
}
