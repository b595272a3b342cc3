/** Counts of reasons, for refusals that explain themselves: most frequent first, ties by name (R9). */
export function tally(reasons: Iterable<string>): { readonly reason: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .toSorted((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}

/** `3 × no executor jvm; 1 × mem: 512 MiB asked, 300 MiB free and 4 other reasons`. */
export function tallyText(reasons: Iterable<string>, most: number): string {
  const counted = tally(reasons);
  const shown = counted.slice(0, most).map(({ reason, count }) => `${count} × ${reason}`);
  const more = counted.length > most ? ` and ${counted.length - most} other reasons` : "";
  return `${shown.join("; ")}${more}`;
}
