/**
 * Amounts for people: cores and MiB, as fractions, as in `/v2/apps`. On the bus and in the code they are integers in thousandths,
 * so that sums are exact; in JSON that leaves the cluster they are not. To be given to JSON.stringify and JSON.parse: both know
 * amounts by their form, `{ scalars, ports }` and the `limits` of a task.
 */
export const plainUnits = (key: string, value: unknown): unknown =>
  converted(key, value, (amount) => amount / 1000);

/** The way back. */
export const inThousandths = (key: string, value: unknown): unknown =>
  converted(key, value, (amount) => Math.round(amount * 1000));

function converted(key: string, value: unknown, convert: (amount: number) => number): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { scalars, ports } = value as { readonly scalars?: unknown; readonly ports?: unknown };
  if (isAmounts(scalars) && Array.isArray(ports)) return { ...value, scalars: each(scalars, convert) };
  return key === "limits" && isAmounts(value) ? each(value, convert) : value;
}

const isAmounts = (value: unknown): value is Readonly<Record<string, number>> =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every((amount) => typeof amount === "number");

const each = (
  amounts: Readonly<Record<string, number>>,
  convert: (amount: number) => number,
): Record<string, number> =>
  Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, convert(amount)]));
