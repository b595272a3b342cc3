import { JsonRoom } from "#libs/core/json-room.js";

/** What is asked of a list that may be larger than a message. */
export interface PageQuery {
  readonly after?: string;
  readonly most?: number;
}

/** `more`: others come after the last of these. */
export interface Page<V> {
  readonly items: V[];
  readonly more: boolean;
}

/** An answer stays below 256 KB with what is around it; one item alone may be larger. */
const bytesMost = 200_000;

/** The page after an id, of what is sorted by id. */
export function page<T, V>(
  sorted: readonly T[],
  {
    after,
    most,
    id,
    view,
  }: {
    readonly after: string | undefined;
    readonly most: number | undefined;
    readonly id: (item: T) => string;
    readonly view: (item: T) => V;
  },
): Page<V> {
  return filled(after === undefined ? sorted : sorted.slice(firstAfter(sorted, after, id)), view, most);
}

/** The first of these, as many as a message holds; one at least. */
export function filled<T, V>(
  items: readonly T[],
  view: (item: T) => V,
  most = Number.POSITIVE_INFINITY,
): Page<V> {
  const views: V[] = [];
  const room = new JsonRoom(bytesMost);
  for (const item of items) {
    const next = view(item);
    const fits = room.takes(next);
    if (views.length > 0 && (!fits || views.length >= most)) return { items: views, more: true };
    views.push(next);
  }
  return { items: views, more: false };
}

/** By halving: a list of many agents is asked for in many pages. */
function firstAfter<T>(sorted: readonly T[], after: string, id: (item: T) => string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (id(sorted[middle]!) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
