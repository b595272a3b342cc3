import { inboxPrefix, type PrincipalKind, principalKinds } from "#protocol/grants.js";
import { decodeId } from "#protocol/ids.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { claimsOf } from "./tokens.js";

/** As whom a process speaks on the bus. */
export interface Principal {
  readonly kind: PrincipalKind;
  readonly id: string;
}

/** What a credentials file holds, and whose it is. */
export interface Credentials extends Principal {
  readonly cluster: string;
  /** Under which the server lets it hear answers. */
  readonly inboxPrefix: string;
  readonly token: string;
  readonly seed: Uint8Array;
}

/** Reads the text of a credentials file. Failures say what is wrong, never what it holds. */
export function readCredentials(text: string): Result<Credentials, string> {
  const [token, seed] = [...text.matchAll(/-{3,}BEGIN [^\n]*-{3,}\s+(\S+)\s+-{3,}END /g)].map(
    ([, each]) => each,
  );
  if (token === undefined || seed === undefined)
    return fail("a file of `emporion auth`, with a NATS USER JWT and a USER NKEY SEED in it");
  const claims = claimsOf(token);
  const tags = (claims?.nats?.["tags"] ?? []) as readonly string[];
  const tag = (name: string) => tags.find((each) => each.startsWith(`${name}:`))?.slice(name.length + 1);
  const kind = principalKinds.find((each) => each === tag("kind"));
  const id = decodeId(claims?.name ?? "");
  const cluster = tag("cluster");
  if (claims === undefined || kind === undefined || id === undefined || cluster === undefined)
    return fail("credentials that `emporion auth` has issued");
  return ok({
    kind,
    id,
    cluster,
    inboxPrefix: inboxPrefix(kind, claims.name),
    token,
    seed: new TextEncoder().encode(seed),
  });
}

/** For people: `agent agent-a`; of masters and gateways there is but one kind. */
export const principalText = ({ kind, id }: Principal): string => (kind === id ? kind : `${kind} ${id}`);
