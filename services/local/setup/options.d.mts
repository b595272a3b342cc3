/** What `npm start -- …` takes. */
export interface Options {
  readonly agents: number;
  /** Of each of master, apps, jobs and gateway: one of them leads, and the others stand by; gateways all serve. */
  readonly copies: number;
  /** Of the gateway. 0: any free one. */
  readonly port: number;
  readonly natsPort: number;
  readonly consulPort: number;
  readonly consulDnsPort: number;
  /** First and last port that tasks may get, shared out among the agents. 0: any that no other cluster of this machine has. */
  readonly taskPorts: readonly [number, number] | 0;
  /** Absolute. */
  readonly data: string;
  readonly name: string;
  /** No demo. */
  readonly empty: boolean;
  /** Tasks go on when the cluster is stopped; the next start finds them again. */
  readonly keepTasks: boolean;
}

/** A flag that cannot be understood, in a sentence. */
export class UsageError extends Error {}

/** @param directory that a relative --data is below @throws UsageError */
export function parseOptions(argv: readonly string[], directory: string): Options | { readonly help: string };
