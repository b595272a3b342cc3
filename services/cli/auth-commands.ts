import { codec } from "#protocol/codec.js";
import { type PrincipalKind, principalKinds } from "#protocol/grants.js";
import { AgentId, ClusterName, FrameworkId } from "#protocol/ids.js";
import { seesAllSandboxes } from "#protocol/sandbox.js";
import { type Principal, principalText } from "#libs/adapters/nats/auth/credentials.js";
import { AuthDirectory, AuthFailure } from "#libs/adapters/nats/auth/directory.js";
import { systemClock } from "./clock.js";
import { Failure } from "./failure.js";
import type { Output } from "./output.js";

const now = () => systemClock.now().wall;
const clusterName = codec(ClusterName);
const agentId = codec(AgentId);
const frameworkId = codec(FrameworkId);

/** The parts that every cluster has one set of credentials for. */
const usual: readonly Principal[] = [
  { kind: "master", id: "master" },
  { kind: "gateway", id: "gateway" },
  { kind: "apps", id: "apps" },
  { kind: "jobs", id: "jobs" },
];

/** Makes the cluster's key unless it is there, the servers' configuration, and credentials of the parts every cluster has. */
export function init(output: Output, dir: string, cluster: string): void {
  if (!clusterName.check(cluster).ok)
    throw new Failure(
      "usage",
      `--cluster: expected lower-case letters, digits, _ and -, at most 32, found ${cluster}`,
    );
  explained(() => {
    const directory = AuthDirectory.make(dir, cluster, now);
    const configuration = directory.writeServerConfiguration();
    const issued = usual.map((principal) => ({ principal, files: directory.issue(principal) }));
    show(output, [{ what: "servers", files: [configuration] }, ...issued.map(row)]);
    if (!output.isJson)
      output.line(
        `\nPut \`include "${configuration}"\` into the configuration of every nats-server and reload it.`,
      );
  });
}

/** @param serves of a framework: it is a copy of ours, under an id of its own */
export function issue(output: Output, dir: string, kind: PrincipalKind, id: string): void {
  const principal = named(kind, id);
  explained(() => {
    const directory = AuthDirectory.open(dir, now);
    const files = directory.issue(principal);
    show(output, [row({ principal, files })]);
    if (output.isJson) return;
    const settings = [
      ["EMPORION_CLUSTER", directory.cluster],
      ["EMPORION_NATS_CREDS_FILE", files[0]],
      ...(files[1] === undefined ? [] : [["EMPORION_AGENT_KEY_FILE", files[1]]]),
    ];
    output.line(
      `\nFor the cluster ${directory.cluster} of ${directory.path}; another's: --dir (of \`npm start\`: keys in its --data directory).\n` +
        `It speaks with ${settings.map(([name, value]) => `${name}=${value}`).join(" ")} beside NATS_URL.`,
    );
  });
}

/** @param force also where nothing that was issued to it is in the directory: it may have been moved away, or be a slip of the pen */
export function revoke(
  output: Output,
  dir: string,
  kind: string,
  id: string | undefined,
  force: boolean,
): void {
  const known = principalKinds.find((each) => each === kind);
  if (known === undefined)
    throw new Failure("usage", `expected one of ${principalKinds.join(", ")}, found ${kind}`);
  if (id === undefined && (known === "agent" || known === "framework"))
    throw new Failure("usage", `expected the id of the ${known} that is revoked`);
  if (id !== undefined && isOneOnly(known) && id !== known)
    throw new Failure(
      "usage",
      `all copies of ${known} have the same credentials: it takes no id, found ${id}`,
    );
  const principal = named(known, id ?? known);
  explained(() => {
    const directory = AuthDirectory.open(dir, now);
    if (!force && !directory.hasIssued(principal))
      throw new Failure(
        "refused",
        `nothing that was issued to ${principalText(principal)} is in ${directory.path}, so nothing is revoked; --force revokes what was issued to it elsewhere`,
      );
    directory.revoke(principal);
    const configuration = directory.writeServerConfiguration();
    if (output.isJson) return output.json({ revoked: principal, configuration });
    output.line(
      `${principalText(principal)} is revoked in ${configuration}: give it to every nats-server and reload it. ` +
        anewText(principal, dir),
    );
  });
}

function anewText(principal: Principal, dir: string): string {
  const { kind } = principal;
  const issued = `what \`emporion auth ${issuing(principal)} --dir ${dir}\` issues from now on counts`;
  if (kind === "agent")
    return `Then ${issued}. Its .key stays the same, for it follows from the id: if others have it, give the host another id.`;
  return kind === "framework" ? `Then ${issued}.` : `Then every copy is cut off; ${issued}.`;
}

/** By which command it was issued: ours under an id of their own are issued as frameworks that serve. */
function issuing({ kind, id }: Principal): string {
  if (kind === "agent" || kind === "framework") return `${kind} ${id}`;
  return kind === id ? "init" : `framework ${id} --serves ${kind}`;
}

function named(kind: PrincipalKind, id: string): Principal {
  if (!(kind === "agent" ? agentId : frameworkId).check(id).ok)
    throw new Failure(
      "usage",
      `expected an id of letters, digits, _, . and -, at most 64, found ${JSON.stringify(id)}`,
    );
  if (kind !== "gateway" && kind !== "agent" && seesAllSandboxes.has(id))
    throw new Failure("usage", `no framework may be called ${id}: who is may read every sandbox`);
  return { kind, id };
}

const isOneOnly = (kind: PrincipalKind): boolean => kind === "master" || kind === "gateway";

interface Issued {
  readonly what: string;
  readonly files: readonly string[];
}

const row = ({ principal, files }: { readonly principal: Principal; readonly files: readonly string[] }) => ({
  what: principalText(principal),
  files,
});

function show(output: Output, issued: readonly Issued[]): void {
  output.list(
    ["FOR", "FILES"],
    issued.map(({ what, files }) => [what, files.join(" ")]),
    issued,
  );
}

function explained(work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw cause instanceof AuthFailure ? new Failure("usage", cause.message) : cause;
  }
}
