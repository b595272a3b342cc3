/** Grows by `factor` from `firstMs` with each failure, up to `mostMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly mostMs: number;
}

/** Delay after the n-th failure in a row: min(mostMs, firstMs · factor^(n−1)); 0 after none. */
export function backoffMs({ firstMs, factor, mostMs }: Backoff, failures: number): number {
  return failures <= 0 ? 0 : Math.min(mostMs, firstMs * factor ** Math.min(failures - 1, 1023));
}
