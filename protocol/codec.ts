import { type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Fault } from "./errors.js";
import { patternWords } from "./patterns.js";
import { fail, ok, type Result } from "./result.js";

/** Bytes that are not the message they should be. */
export interface DecodeError {
  readonly faults: readonly Fault[];
}

/** Checks a value or bytes against one schema. */
export interface Codec<T> {
  readonly schema: TSchema;
  encode(message: T): Uint8Array;
  /** The only JSON.parse of what comes from outside. Never throws. */
  decode(bytes: Uint8Array): Result<T, DecodeError>;
  /** The same check for a value that is parsed already. */
  check(value: unknown): Result<T, DecodeError>;
}

const utf8 = new TextDecoder();
const bytesOf = new TextEncoder();

/** Compiling takes about a millisecond, and what serves a term asks for its codecs anew. */
const made = new WeakMap<TSchema, Codec<unknown>>();

export function codec<S extends TSchema>(schema: S): Codec<Static<S>> {
  const known = made.get(schema) ?? compile(schema);
  made.set(schema, known);
  return known as Codec<Static<S>>;
}

function compile<S extends TSchema>(schema: S): Codec<Static<S>> {
  const compiled = Compile(schema);
  const check = (value: unknown): Result<Static<S>, DecodeError> =>
    compiled.Check(value) ? ok(value) : fail({ faults: faultsOf(compiled.Errors(value), value) });
  return {
    schema,
    encode: (message) => bytesOf.encode(JSON.stringify(message)),
    check,
    decode(bytes) {
      let value: unknown;
      try {
        value = JSON.parse(utf8.decode(bytes));
      } catch (cause) {
        const found = shown(utf8.decode(bytes.subarray(0, 200)));
        return fail({
          faults: [{ path: "", expected: "JSON", found: `${found} (${(cause as Error).message})` }],
        });
      }
      return check(value);
    },
  };
}

interface ValidationError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Record<string, unknown>;
  readonly message: string;
}

/** One fault a place: the alternatives of a union, and the parent's word about the same extra property, are folded together. */
function faultsOf(errors: readonly ValidationError[], value: unknown): Fault[] {
  const faults = new Map<string, Fault & { expected: string }>();
  for (const error of errors) {
    if (error.keyword === "additionalProperties" || error.keyword === "anyOf") continue;
    if (error.keyword === "required") {
      for (const name of (error.params["requiredProperties"] as string[] | undefined) ?? []) {
        const path = `${error.instancePath}/${pointerToken(name)}`;
        faults.set(path, { path, expected: "to be given", found: "nothing" });
      }
      continue;
    }
    const known = faults.get(error.instancePath);
    const expected = expectation(error);
    if (known === undefined) {
      faults.set(error.instancePath, {
        path: error.instancePath,
        expected,
        found: secretPath.test(error.instancePath) ? "…" : shown(at(value, error.instancePath)),
      });
    } else if (!known.expected.split(" or ").includes(expected)) known.expected += ` or ${expected}`;
  }
  return faults.size > 0
    ? [...faults.values()]
    : [{ path: "", expected: "another form", found: shown(value) }];
}

function expectation({ keyword, params, message }: ValidationError): string {
  switch (keyword) {
    case "boolean":
      return "no property of this name";
    case "const":
      return JSON.stringify(params["allowedValue"]);
    case "enum":
      return `one of ${(params["allowedValues"] as unknown[]).map((each) => JSON.stringify(each)).join(", ")}`;
    case "pattern":
      return patternWords(String(params["pattern"]));
    case "minLength":
    case "maxLength":
      return `${keyword === "minLength" ? "at least" : "at most"} ${String(params["limit"])} characters`;
    case "minItems":
    case "maxItems":
      return `${keyword === "minItems" ? "at least" : "at most"} ${String(params["limit"])} items`;
    default:
      return message.replace(/^must (be )?/, "");
  }
}

const pointerToken = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

function at(value: unknown, pointer: string): unknown {
  let here = value;
  for (const token of pointer.split("/").slice(1)) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Record<string, unknown>)[token.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return here;
}

/** Of properties whose values are never shown. */
const secretPath = /(secret|password|token|credential|key)/i;

/** What came, short. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text =
    JSON.stringify(value, (key, each: unknown) => (secretPath.test(key) ? "…" : each)) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
