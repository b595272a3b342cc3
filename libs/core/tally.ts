/** Counts of reasons, for refusals that explain themselves: most frequent first, ties by name (R9). */
export function tally(reasons: Iterable<string>): { readonly reason: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .toSorted((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}
