import type { Command } from "commander";

/** What the parser says of a wrong command line, and what there is where the command was looked for. */
export function complaintText(
  program: Command,
  words: readonly string[],
  { complaint, code }: { readonly complaint: string; readonly code: string },
): string {
  const text = complaint.replace(/^error: /, "emporion: ");
  const { command, path } = deepest(program, words);
  const names = command.commands.map((each) => each.name());
  const isUnknown = code === "commander.unknownCommand" || code === "commander.excessArguments";
  if (!isUnknown || names.length === 0) return text;
  const where = ["emporion", ...path].join(" ");
  // Options and their values may stand between: which word was too much is not told.
  const said = code === "commander.excessArguments" ? `emporion: unknown command after '${where}'\n` : text;
  return `${said}  after \`${where}\` there is: ${names.join(", ")}\n`;
}

/** The last command that the words name. */
function deepest(
  program: Command,
  words: readonly string[],
): { readonly command: Command; readonly path: readonly string[] } {
  let command = program;
  const path: string[] = [];
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) continue;
    command = next;
    path.push(word);
  }
  return { command, path };
}
