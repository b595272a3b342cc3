export interface BareOptions { agents: number; tasks: number; window: number; perAccept: number }
export async function runBarePath(_: BareOptions): Promise<{ rate: number; p50Ms: number; p99Ms: number; cpuMs: number }> {
  throw new Error("later");
}
