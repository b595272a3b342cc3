// The demo's web service: says which of its instances answers.
import { createServer } from "node:http";

const { EMPORION_TASK_ID: task, EMPORION_AGENT: agent, PORT0 } = process.env;

const server = createServer((request, response) => {
  response.setHeader("content-type", "text/plain");
  response.end(request.url === "/health" ? "ok\n" : `${task} on ${agent}\n`);
});
server.listen(Number(PORT0), () => process.stdout.write(`${task} listens on port ${PORT0}\n`));
process.on("SIGTERM", () => {
  process.stdout.write("asked to end\n");
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
