/** One look at whether something answers. `message` says in words what was found. */
export interface ProbeResult {
  readonly healthy: boolean;
  readonly message: string;
}

export interface Probe {
  /** Healthy: a status of 200 to 399 within the time. Redirects are not followed. */
  http(url: string, timeoutMs: number): Promise<ProbeResult>;
  /** Healthy: a connection within the time. */
  tcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult>;
}
