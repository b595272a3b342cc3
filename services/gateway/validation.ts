import type { FastifyInstance } from "fastify";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import { type Codec, codec } from "#protocol/codec.js";
import { fail, type Result } from "#protocol/result.js";
import { plainUnits } from "#libs/core/plain-units.js";
import type { Fault } from "#protocol/errors.js";
import { invalid } from "./answer.js";

/** The same check as on the bus, after defaults are filled in; words of a query (`follow=true`) are turned into what the schema asks. */
export function checkWithSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const parts = codec(schema);
    return (given: unknown) => {
      const filled = Value.Default(schema, httpPart === "body" ? given : Value.Convert(schema, given));
      const checked = parts.check(filled);
      return checked.ok ? { value: checked.value } : { error: invalid(checked.error.faults) };
    };
  });
  // Answers are made by us: they are not checked, and documented by their schemas. Marathon's and Metronome's have their units already.
  app.setSerializerCompiler(({ url }) =>
    url.startsWith("/cluster/")
      ? (answer) => JSON.stringify(answer, plainUnits)
      : (answer) => JSON.stringify(answer),
  );
}

/**
 * An id in the body is as good as none when it is the path's; another one was meant for another.
 *
 * @param idOf what a given id stands for, where it may be written in several ways
 * @throws Refused
 */
export function expectSameId(
  { id: given }: Readonly<Record<string, unknown>>,
  id: string,
  idOf = (given: string): string => given,
): void {
  if (given === undefined || (typeof given === "string" && idOf(given) === id)) return;
  const found = JSON.stringify(given).slice(0, 80);
  throw invalid([{ path: "/id", expected: `${id}, as in the path`, found }]);
}

/** Fills in defaults, then checks. */
export function filledAndChecked<T>(
  parts: Codec<T>,
  given: unknown,
): Result<T, { readonly faults: readonly Fault[] }> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const found = JSON.stringify(given)?.slice(0, 80) ?? "nothing";
    return fail({ faults: [{ path: "", expected: "an object", found }] });
  }
  return parts.check(Value.Default(parts.schema, structuredClone(given)));
}
