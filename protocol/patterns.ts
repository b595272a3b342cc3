import { Type } from "typebox";

const words = new Map<string, string>();

/** Text of a form that people are told in words: faults show the words and not the expression. */
export function patterned(
  pattern: string,
  inWords: string,
  options: { readonly maxLength?: number; readonly description?: string } = {},
) {
  words.set(pattern, inWords);
  return Type.String({ pattern, ...options });
}

/** What text must look like, for people. */
export const patternWords = (pattern: string): string => words.get(pattern) ?? `text matching ${pattern}`;
