/** The first dotted number in a program's words: "nats-server: v2.9.10" → "2.9.10"; undefined when there is none. */
export function versionIn(text) {
  return /\d+(?:\.\d+){1,3}/.exec(text)?.[0];
}

/** Negative, zero or positive, as for Array.sort; missing parts count as 0, what follows the numbers is not looked at. */
export function compareVersions(left, right) {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function atLeast(version, wanted) {
  return compareVersions(version, wanted) >= 0;
}

function numbersOf(version) {
  return (versionIn(version) ?? version).split(".").map((part) => Number.parseInt(part, 10) || 0);
}
