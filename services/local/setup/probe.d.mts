export type Answer<T> =
  | ({ readonly ok: true; readonly version: string } & T)
  | { readonly ok: false; readonly reason: string };
export function probeNats(url: string): Promise<Answer<{ readonly jetstream: boolean }>>;
export function parseGreeting(line: string): Answer<{ readonly jetstream: boolean }>;
export function probeConsul(address: string, token?: string): Promise<Answer<{ readonly url: string }>>;
export function probeDocker(socketPath: string, limitMs?: number): Promise<Answer<object>>;
