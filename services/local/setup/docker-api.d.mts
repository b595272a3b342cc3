export function callDocker(call: {
  readonly socket: string;
  readonly method?: string;
  readonly path: string;
  readonly body?: object;
  readonly limitMs?: number;
}): Promise<{ readonly status: number; readonly body: string }>;
