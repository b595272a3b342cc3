/** `--agents 200 --minutes 5`: what a benchmark may be told, all numbers, with what holds unless it is. Throws for anything else. */
export function numbersIn<Name extends string>(
  args: readonly string[],
  usual: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const found: Record<Name, number> = { ...usual };
  for (let at = 0; at < args.length; at += 2) {
    const name = (args[at] ?? "").replace(/^--/, "");
    const value = Number(args[at + 1]);
    if (!isNameIn(name, usual)) throw new Error(`expected ${flagsOf(usual)}; found ${args[at]}`);
    if (args[at + 1] === undefined || !Number.isFinite(value) || value < 0)
      throw new Error(`--${name}: expected a number, found ${args[at + 1] ?? "nothing"}`);
    found[name] = value;
  }
  return found;
}

const flagsOf = (usual: object): string =>
  Object.entries(usual)
    .map(([name, value]) => `--${name} (${String(value)})`)
    .join(", ");

const isNameIn = <Name extends string>(name: string, usual: Readonly<Record<Name, number>>): name is Name =>
  name in usual;
