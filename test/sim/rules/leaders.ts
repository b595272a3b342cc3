import type { Breach } from "./breaches.js";

/** What a master told somebody to do, as it was known when it came to the server. */
export interface Word {
  readonly epoch: number;
  /** Which one it is of all that were overheard. */
  readonly number: number;
  /** To an agent: the epoch that its disk knew of. */
  readonly known?: number;
}

interface Process {
  /** Its inbox: a new process of the same name has another. */
  readonly inbox: string;
  /** Epochs of its sessions → the number of the first word in one. */
  readonly epochs: Map<number, number>;
}

/**
 * R6 At most one master acts in an epoch, whatever it says to whom. Nobody obeys one of an older epoch than he knew of before the word
 * had even reached the server: an agent by its disk and by its own report, a framework by the sessions it has spoken in.
 */
export class LeadersRule {
  readonly #breach: Breach;
  readonly #leaders = new Map<number, string>();
  /** Of each agent, the epoch of the last generation on its disk. */
  readonly #known = new Map<string, number>();
  /** Those that speak for a framework, by the name of the process. */
  readonly #processes = new Map<string, Process>();
  #count = 0;

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  /** A master's word; `agent`: whom it tells to do something. */
  speaks(master: string, epoch: number, agent?: string): Word {
    const known = this.#leaders.get(epoch) ?? master;
    if (known !== master) this.#breach(`R6: ${known} and ${master} both lead in epoch ${epoch}`);
    this.#leaders.set(epoch, known);
    const number = ++this.#count;
    return agent === undefined ? { epoch, number } : { epoch, number, known: this.#known.get(agent) ?? 0 };
  }

  /** The disk of an agent knows of an epoch. What it has lost it does not know. */
  knows(agent: string, epoch: number): void {
    this.#known.set(agent, epoch);
  }

  /** An agent has done what was ordered; `heard`: the epoch of its report, if it made one. */
  obeyed(agent: string, { epoch, known = 0 }: Word, heard = 0): void {
    const latest = Math.max(known, heard);
    if (epoch < latest)
      this.#breach(`R6: agent ${agent} obeys a master of epoch ${epoch}, and has heard of epoch ${latest}`);
  }

  /** A process speaks for a framework, in a session of this epoch if it has one. */
  answersTo(process: string, inbox: string, epoch?: number): void {
    let spoken = this.#processes.get(process);
    if (spoken?.inbox !== inbox) this.#processes.set(process, (spoken = { inbox, epochs: new Map() }));
    if (epoch === undefined) return;
    const latest = Math.max(0, ...spoken.epochs.keys());
    if (epoch < latest)
      this.#breach(`R6: ${process} goes back to a session of epoch ${epoch}, and had one of ${latest}`);
    if (!spoken.epochs.has(epoch)) spoken.epochs.set(epoch, ++this.#count);
  }

  /** A framework has taken what a leader said to its session. */
  taken(process: string, word: Word): void {
    for (const [epoch, since] of this.#processes.get(process)?.epochs ?? [])
      if (epoch > word.epoch && since < word.number)
        this.#breach(`R6: ${process} obeys a master of epoch ${word.epoch}, and had a session of ${epoch}`);
  }
}
