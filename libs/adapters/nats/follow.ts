import type { Cancel } from "#libs/ports/clock.js";
import type { NatsLink } from "./connection.js";
import { pull, type Pulled } from "./pull.js";

/** How long to wait before looking again for what is missing. */
const retryMs = 250;

export interface FollowOptions {
  readonly link: NatsLink;
  readonly stream: string;
  /** Makes the consumer if need be and names it; undefined when there is none now. Asked before each session of pulling. */
  readonly consumer: () => Promise<string | undefined>;
  /** False: this is not the one that should follow; a new session begins. */
  readonly message: (message: Pulled) => boolean;
}

/** Pulls, session after session: over reconnects, consumers that vanish, streams that are made later. Until it is cancelled. */
export function follow({ link, stream, consumer, message }: FollowOptions): Cancel {
  let session = 0;
  let stop: Cancel | undefined;
  let retry: NodeJS.Timeout | undefined;

  const begin = async () => {
    const mine = ++session;
    stop?.();
    clearTimeout(retry);
    const again = () => {
      if (mine === session) retry = setTimeout(() => void begin(), retryMs);
    };
    const name = await consumer().catch((error: unknown) => {
      link.log.warn("no consumer to read from, trying again", { stream, error });
      return undefined;
    });
    // Without a connection the reconnect begins anew.
    if (mine !== session || !link.isConnected) return;
    if (name === undefined) return again();
    stop = pull({
      link,
      stream,
      consumer: name,
      missing: again,
      message: (each) => {
        if (mine === session && !message(each)) void begin();
      },
    });
  };

  const connection = link.connection.subscribe(({ state }) => {
    if (state === "connected") void begin();
    else stop?.();
  });
  return () => {
    session++;
    connection.unsubscribe();
    clearTimeout(retry);
    stop?.();
  };
}
