export function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait?: (line: string) => void,
): Promise<T>;
export function processExists(pid: number): boolean;
