import type {
  AgentInfo,
  DrainOrder,
  DrainReply,
  Register,
  Report,
  RescindReply,
  RemoveFrameworkReply,
  WhoIsReply,
} from "#protocol/agent.js";
import type { Refusal } from "#protocol/errors.js";
import type { ClusterEvent } from "#protocol/event.js";
import type { AcceptReply, KillReply, ReconcileReply } from "#protocol/launch.js";
import type { ExecutorInfo, Offer, Session } from "#protocol/offer.js";
import type { PortRange } from "#protocol/resources.js";
import type { SandboxReply, SandboxRequest, TasksQuery, TasksReply } from "#protocol/sandbox.js";
import type { StatusBatch } from "#protocol/status.js";
import type { Artifact, ExecutorKind, HealthCheck, TaskSpec } from "#protocol/task.js";
import type { CatalogEntry } from "#libs/core/catalog-entry.js";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { SandboxRead } from "#libs/core/sandbox.js";
import type { JournalRecord } from "./records.js";

/** Names a request that waits for its answer. */
export type Reply = number;

/** How an accept's offer came through the seal: the machine never sees one whose bytes were changed. */
export type OfferAsSent =
  | { readonly holds: true; readonly offer: Offer }
  | { readonly holds: false; readonly error: Refusal };

export interface AcceptAsked {
  readonly type: "acceptAsked";
  readonly reply: Reply;
  /** Of the subject: who really asks. */
  readonly framework: string;
  readonly session: Session;
  readonly offer: OfferAsSent;
  readonly tasks: readonly TaskSpec[];
  readonly filterMs: number;
}

export type Found = "running" | "ended" | "absent";

type Asked =
  | AcceptAsked
  | {
      readonly type: "killAsked";
      readonly reply: Reply;
      readonly framework: string;
      readonly session: Session;
      readonly task: string;
      readonly graceMs?: number;
    }
  | {
      readonly type: "reconcileAsked";
      readonly reply: Reply;
      readonly framework: string;
      readonly session: Session;
      readonly after?: string;
    }
  | {
      readonly type: "rescindAsked";
      readonly reply: Reply;
      readonly epoch: number;
      readonly generation: number;
      readonly offers: readonly number[];
      readonly floor: number;
      /** The leader does not know us. */
      readonly register?: boolean;
    }
  | {
      readonly type: "removeAsked";
      readonly reply: Reply;
      readonly epoch: number;
      readonly framework: string;
    }
  | {
      readonly type: "drainAsked";
      readonly reply: Reply;
      readonly epoch: number;
      readonly order: DrainOrder;
    }
  | { readonly type: "tasksAsked"; readonly reply: Reply; readonly query: TasksQuery }
  | {
      readonly type: "sandboxAsked";
      readonly reply: Reply;
      /** Of the subject: who really asks. */
      readonly sender: string;
      readonly request: SandboxRequest;
    }
  | { readonly type: "whoAsked"; readonly reply: Reply };

type Journalled =
  | { readonly type: "loaded"; readonly records: readonly JournalRecord[] }
  | { readonly type: "written" }
  | { readonly type: "writeFailed"; readonly message: string };

type Recovered =
  | { readonly type: "recovered"; readonly kind: ExecutorKind; readonly found: ReadonlyMap<string, Found> }
  | { readonly type: "recoverFailed"; readonly kind: ExecutorKind; readonly message: string }
  | { readonly type: "sandboxesFound"; readonly tasks: readonly string[] };

type Bus =
  /** `fraction`: 0 ≤ x < 1, by chance: spreads out what all agents do at once. */
  | { readonly type: "connected"; readonly fraction: number }
  | { readonly type: "disconnected" }
  | {
      readonly type: "leaderAnnounced";
      readonly epoch: number;
      readonly master: string;
      readonly fraction: number;
      readonly spreadMs?: number;
    }
  | {
      readonly type: "registered";
      readonly attempt: number;
      readonly epoch: number;
      readonly master: string;
      readonly reportIntervalMs: number;
      readonly drain?: DrainOrder;
    }
  | { readonly type: "registrationRefused"; readonly attempt: number; readonly error: Refusal }
  /** `unseen`: nobody got it, so nobody can have made offers on it. */
  | { readonly type: "registrationFailed"; readonly attempt: number; readonly unseen: boolean }
  /** Who else runs under our id. */
  | { readonly type: "othersFound"; readonly others: readonly WhoIsReply[] }
  | { readonly type: "batchStored"; readonly framework: string; readonly batch: number }
  | {
      readonly type: "batchFailed";
      readonly framework: string;
      readonly batch: number;
      readonly failure: string;
    }
  /** The cluster answered a question that was asked at `sentAt` (mono). */
  | { readonly type: "clusterReached"; readonly sentAt: number };

type Executed =
  | { readonly type: "prepared"; readonly task: string }
  | { readonly type: "prepareFailed"; readonly task: string; readonly fault: LaunchFailure }
  | { readonly type: "launched"; readonly task: string }
  | { readonly type: "launchFailed"; readonly task: string; readonly fault: LaunchFailure }
  | ({ readonly type: "exited" } & TaskExit)
  | {
      readonly type: "probed";
      readonly task: string;
      readonly probe: number;
      readonly healthy: boolean;
      readonly message: string;
    }
  | {
      readonly type: "executorsDetected";
      readonly executors: readonly ExecutorInfo[];
      readonly warnings: readonly string[];
    }
  /** It did not decode. */
  | { readonly type: "messageDropped" }
  /** On which of the ports that were asked about somebody listens. */
  | { readonly type: "portsSeen"; readonly taken: readonly number[] }
  /** Whether it worked or not: collecting the task does it again. */
  | { readonly type: "released"; readonly task: string }
  | { readonly type: "collected"; readonly task: string }
  | { readonly type: "collectFailed"; readonly task: string; readonly message: string }
  /** 0 to 1, of the disk under the work directory. */
  | { readonly type: "diskMeasured"; readonly freeFraction: number };

type Registry =
  | { readonly type: "entriesListed"; readonly found: ReadonlyMap<string, string> }
  | { readonly type: "entriesUnknown"; readonly message: string }
  | { readonly type: "entryDone"; readonly id: string }
  | { readonly type: "entryFailed"; readonly id: string; readonly message: string };

type Reading =
  | { readonly type: "fileRead"; readonly reply: Reply; readonly file: SandboxRead }
  | { readonly type: "directoryListed"; readonly reply: Reply; readonly entries: SandboxEntries }
  | { readonly type: "readingFailed"; readonly reply: Reply; readonly message: string }
  | { readonly type: "fileGrown"; readonly reply: Reply };

export type SandboxEntries = Extract<SandboxReply, { readonly verb: "list" }>["entries"];

export type AgentEvent =
  | Asked
  | Journalled
  | Recovered
  | Bus
  | Executed
  | Registry
  | Reading
  /** `endTasks`: this is the end of the cluster, not of the process. */
  | { readonly type: "stopAsked"; readonly endTasks: boolean };

/** What a request is answered with. */
export type Answer =
  | AcceptReply
  | KillReply
  | ReconcileReply
  | RescindReply
  | RemoveFrameworkReply
  | DrainReply
  | TasksReply
  | SandboxReply
  | WhoIsReply;

export type AgentEffect =
  // --- journal ---
  /** `sync`: the disk has to have them when it is answered. */
  | {
      readonly type: "appendRecords";
      readonly records: readonly JournalRecord[];
      readonly sync: boolean;
      /** Nothing in it can be refused: it has happened. */
      readonly mayUseReserve: boolean;
    }
  /** Puts these in the place of all records. Answered like an append. */
  | { readonly type: "compactRecords"; readonly records: readonly JournalRecord[] }
  // --- after a start ---
  | { readonly type: "recoverTasks"; readonly kind: ExecutorKind; readonly orders: readonly LaunchOrder[] }
  | { readonly type: "findSandboxes" }
  | { readonly type: "detectExecutors" }
  | { readonly type: "lookAtPorts"; readonly ports: readonly PortRange[] }
  // --- bus ---
  | { readonly type: "answer"; readonly reply: Reply; readonly answer: Answer }
  /** Nothing to say: whoever asked all agents has others to hear from. */
  | { readonly type: "staySilent"; readonly reply: Reply }
  /** Asks who else runs under our id. */
  | { readonly type: "findOthers" }
  /** From now on whoever asks finds us: nobody else has our id. */
  | { readonly type: "beFound" }
  | { readonly type: "register"; readonly attempt: number; readonly message: Register }
  | { readonly type: "report"; readonly report: Report }
  | { readonly type: "publishBatch"; readonly batch: StatusBatch }
  /** All of this kind. */
  | {
      readonly type: "tellEvents";
      readonly kind: ClusterEvent["kind"];
      readonly events: readonly ClusterEvent[];
    }
  /** Asks something that only most of the cluster's servers together can answer. */
  | { readonly type: "reachCluster" }
  /** For the executors: the cluster was reached just now. */
  | { readonly type: "tellReached" }
  // --- tasks ---
  | {
      readonly type: "prepareTask";
      readonly task: string;
      readonly user: string | undefined;
      readonly artifacts: readonly Artifact[];
      /** Ports of the host that must be nobody's. */
      readonly ports: readonly number[];
    }
  | { readonly type: "launchTask"; readonly order: LaunchOrder }
  | {
      readonly type: "signalTask";
      readonly kind: ExecutorKind;
      readonly task: string;
      readonly force: boolean;
    }
  | {
      readonly type: "probeTask";
      readonly kind: ExecutorKind;
      readonly task: string;
      readonly probe: number;
      readonly check: HealthCheck;
      readonly host: string;
      /** 0 when the check needs none. */
      readonly port: number;
    }
  /** What the executor still holds of an ended task may go; the sandbox stays. */
  | { readonly type: "releaseTask"; readonly kind: ExecutorKind; readonly task: string }
  /** Nothing of it stays. `kind`: undefined when nobody knows any more what it was. */
  | { readonly type: "collectTask"; readonly task: string; readonly kind: ExecutorKind | undefined }
  | { readonly type: "measureDisk" }
  // --- registry ---
  | { readonly type: "listEntries"; readonly prefix: string }
  | { readonly type: "registerEntry"; readonly entry: CatalogEntry }
  | { readonly type: "deregisterEntry"; readonly id: string }
  | { readonly type: "tellHealth"; readonly id: string; readonly healthy: boolean }
  // --- sandboxes ---
  | {
      readonly type: "readFile";
      readonly reply: Reply;
      readonly task: string;
      readonly path: string;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly type: "listDirectory"; readonly reply: Reply; readonly task: string; readonly path: string }
  | {
      readonly type: "awaitGrowth";
      readonly reply: Reply;
      readonly task: string;
      readonly path: string;
      readonly size: number;
      readonly timeoutMs: number;
    }
  // --- the process ---
  | {
      readonly type: "note";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly message: string;
      readonly fields: object;
    }
  /** `fault`: why it cannot go on; undefined after a stop that was asked for. */
  | { readonly type: "stop"; readonly fault: string | undefined };

/** What the agent is, but for what may change while it runs; the totals are those configured. */
export type FixedInfo = Omit<AgentInfo, "executors" | "warnings">;
