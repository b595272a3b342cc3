/** `12 s`, `0.3 s`. */
export const secondsText = (ms: number): string => {
  const seconds = Math.max(0, ms) / 1000;
  return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
};

/** `1 task`, `3 tasks`. */
export const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
