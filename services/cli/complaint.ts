import type { Command } from "commander";
import type { Failure } from "./failure.js";

/** What the parser says of a wrong command line, and what there is where the command was looked for. */
export function complaintText(
  program: Command,
  words: readonly string[],
  { complaint, code }: { readonly complaint: string; readonly code: string },
): string {
  const text = complaint.replace(/^error: /, "emporion: ");
  const { command, path, rest } = deepest(program, words);
  const names = command.commands.map((each) => each.name());
  const isUnknown = code === "commander.unknownCommand" || code === "commander.excessArguments";
  if (!isUnknown || names.length === 0) return text;
  const where = ["emporion", ...path].join(" ");
  // Where options and their values stand between, which word was too much is not told.
  const named = rest === undefined || rest.startsWith("-") ? "" : ` '${rest}'`;
  const said =
    code === "commander.excessArguments" ? `emporion: unknown command${named} after '${where}'\n` : text;
  return `${said}  after \`${where}\` there is: ${names.join(", ")}\n`;
}

/** The last command that the words name. */
function deepest(
  program: Command,
  words: readonly string[],
): {
  readonly command: Command;
  readonly path: readonly string[];
  /** The word behind it. */
  readonly rest: string | undefined;
} {
  let command = program;
  let end = 0;
  const path: string[] = [];
  for (const [index, word] of words.entries()) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) continue;
    command = next;
    path.push(word);
    end = index + 1;
  }
  return { command, path, rest: words[end] };
}

/** A failure as programs read it, where they asked for JSON; people get it in lines. */
export function failureText(
  { message, details, exitCode, code }: Failure,
  { isJson }: { readonly isJson: boolean },
): string {
  if (!isJson) return [`emporion: ${message}`, ...details.map((each) => `  ${each}`), ""].join("\n");
  return `${JSON.stringify({ error: { message, details, exitCode, ...(code !== undefined && { code }) } }, undefined, 2)}\n`;
}
