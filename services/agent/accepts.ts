import type { AcceptReply, LaunchAnswer } from "#protocol/launch.js";
import { refusal } from "#protocol/errors.js";
import { isEmpty } from "#libs/core/resources.js";
import type { Instant } from "#libs/core/time.js";
import { admit, type Grounds, type Verdict } from "./admission.js";
import type { AcceptAsked, AgentEffect, Reply } from "./events.js";
import type { Ledger } from "./ledger.js";
import type { Offers } from "./offers.js";
import type { Recorder } from "./recorder.js";
import type { Refusals } from "./refusals.js";
import type { Tasks } from "./tasks.js";

export interface AcceptsOptions {
  readonly agent: string;
  readonly emit: (effect: AgentEffect) => void;
  readonly grounds: () => Grounds;
  readonly offers: Offers;
  readonly ledger: Ledger;
  readonly refusals: Refusals;
  readonly tasks: Tasks;
  readonly recorder: Recorder;
}

/**
 * Carries the verdict on an accept out: books first, then the journal, then the answer and the launch.
 *
 * - A1 Resources are reserved and the offer is used in the same step in which the verdict fell.
 * - A2 No "yes" leaves before the task is in the journal, also not to a repetition.
 */
export class Accepts {
  readonly #options: AcceptsOptions;

  constructor(options: AcceptsOptions) {
    this.#options = options;
  }

  asked(at: Instant, asked: AcceptAsked): void {
    const { recorder } = this.#options;
    const verdict = admit(asked, this.#options.grounds());
    this.#remember(asked, verdict);
    if (verdict.admitted.length > 0) return this.#accept(at, asked, verdict);
    // What is answered for may still fail to be recorded: the last word is looked up when that is known.
    recorder.after(at, () => {
      const { answers } = verdict.used === undefined ? admit(asked, this.#options.grounds()) : verdict;
      this.#answer(asked.reply, answers);
    });
  }

  #remember({ framework, session, filterMs }: AcceptAsked, { answers, used }: Verdict): void {
    const { offers, refusals, tasks } = this.#options;
    if (used === undefined) return;
    const { offer, left } = used;
    offers.sees(framework, session);
    offers.hear(offer.epoch);
    offers.use(offer);
    if (filterMs > 0 && !isEmpty(left)) {
      const { role, number } = offer;
      offers.refuseRest({ framework, role, resources: left, filterMs, offer: number });
    }
    for (const answer of answers)
      if (!answer.ok && tasks.get(answer.task) === undefined)
        refusals.remember(framework, answer.task, answer.error);
  }

  #accept(at: Instant, asked: AcceptAsked, { admitted, answers, used }: Verdict): void {
    const { ledger, refusals, tasks } = this.#options;
    const { framework, session, reply } = asked;
    const { role } = used!.offer;
    ledger.reserve({ framework, role }, admitted);
    tasks.accept(at, {
      framework,
      role,
      session,
      specs: admitted,
      accepted: () => this.#answer(reply, answers),
      withdrawn: (_, message) => {
        const error = refusal("unavailable", `the agent cannot write its journal: ${message}`);
        for (const { id } of admitted) refusals.remember(framework, id, error);
        const ids = new Set(admitted.map(({ id }) => id));
        this.#answer(
          reply,
          answers.map((answer) =>
            ids.has(answer.task) ? { task: answer.task, ok: false as const, error } : answer,
          ),
        );
      },
    });
  }

  #answer(reply: Reply, answers: readonly LaunchAnswer[]): void {
    const { agent, emit, offers } = this.#options;
    const answer: AcceptReply = { agent, generation: offers.generation, answers: [...answers] };
    emit({ type: "answer", reply, answer });
  }
}
