import { CommanderError } from "commander";
import { addAuthCommands } from "./auth-usage.js";
import { addClusterCommands, addLooks } from "./cluster-usage.js";
import { complaint, type Globals, program } from "./command-line.js";
import { complaintText, failureText } from "./complaint.js";
import { exitCodes, Failure } from "./failure.js";
import { addAppCommands, addJobCommands } from "./work-usage.js";

addClusterCommands();
addLooks();
addAppCommands();
addJobCommands();
addAuthCommands();

process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code === "EPIPE") process.exit(0);
});

try {
  await program.parseAsync();
} catch (cause) {
  process.exitCode = ended(cause);
}

function ended(cause: unknown): number {
  const isJson = program.opts<Partial<Globals>>().output === "json";
  if (cause instanceof CommanderError) {
    const text = complaintText(program, process.argv.slice(2), { complaint: complaint(), code: cause.code });
    if (cause.exitCode === 0 || !isJson) {
      process.stderr.write(text);
      return cause.exitCode === 0 ? 0 : exitCodes.usage;
    }
    const [message = "", ...details] = text.trim().split("\n");
    return ended(
      new Failure(
        "usage",
        message.replace(/^emporion: /, ""),
        details.map((line) => line.trim()),
      ),
    );
  }
  if (!(cause instanceof Failure)) throw cause;
  process.stderr.write(failureText(cause, { isJson }));
  return cause.exitCode;
}
