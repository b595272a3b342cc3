import { createHash } from "node:crypto";
import Consul from "consul";
import type { CheckOptions } from "consul/lib/agent/check.js";
import pLimit from "p-limit";
import { type CatalogEntry, entryText } from "#libs/core/catalog-entry.js";
import type { Catalog } from "#libs/ports/catalog.js";
import { fail, ok, type Result } from "#protocol/result.js";

export interface ConsulOptions {
  /** As in CONSUL_HTTP_ADDR: `127.0.0.1:8500`, or a URL with http or https. */
  readonly address: string;
  /** Of an access control list; never shown. */
  readonly token?: string;
  /** Of one request: 5000 unless given. */
  readonly timeoutMs?: number;
}

/** Consul refuses more than 200 connections of one client; half of that many are no faster. */
const requestsMost = 50;

/** A service's meta field that tells whether the entry is as it should be. Consul takes `[A-Za-z0-9_-]` in names. */
const fingerprintField = "emporion-fingerprint";

/** Told checks are told on change only, so their time-to-live has to outlast every task: ten years. */
const toldTtl = "87600h";

/**
 * The service registry in Consul, through the Consul agent of this host. Only we change the check of
 * an entry, Consul asks nobody. Entries are never removed by Consul itself.
 */
export class ConsulCatalog implements Catalog {
  readonly #consul: Consul;
  readonly #address: string;
  readonly #limit = pLimit(requestsMost);
  /** Entries that are there as far as we know: Consul keeps the old health of a check that is registered again. */
  readonly #known = new Set<string>();

  /** Throws when the address is none. */
  constructor({ address, token, timeoutMs = 5000 }: ConsulOptions) {
    this.#address = consulUrl(address);
    this.#consul = new Consul({
      baseUrl: `${this.#address}/v1`,
      timeout: timeoutMs,
      ...(token === undefined ? {} : { defaults: { token } }),
    } as ConstructorParameters<typeof Consul>[0]);
  }

  fingerprint(entry: CatalogEntry): string {
    return whole(digest(entry), entry.check?.healthy);
  }

  async list(prefix: string): Promise<Result<ReadonlyMap<string, string>, string>> {
    const services = await this.#ask<Record<string, ServiceFound>>("listing services", () =>
      this.#consul.agent.services(),
    );
    if (!services.ok) return services;
    const checks = await this.#ask<Record<string, CheckFound>>("listing checks", () =>
      this.#consul.agent.checks(),
    );
    if (!checks.ok) return checks;
    const found = new Map<string, string>();
    for (const [id, service] of Object.entries(services.value)) {
      if (!id.startsWith(prefix)) continue;
      const status = checks.value[checkId(id)]?.Status;
      found.set(
        id,
        whole(
          service.Meta?.[fingerprintField] ?? "",
          status === undefined ? undefined : status === "passing",
        ),
      );
      this.#known.add(id);
    }
    return ok(found);
  }

  async register(entry: CatalogEntry): Promise<Result<void, string>> {
    const { id, name, address, port, tags, meta, check } = entry;
    const isAgain = this.#known.has(id);
    const registered = await this.#ask(`registering ${id}`, () =>
      this.#consul.agent.service.register({
        id,
        name,
        address,
        ...(port === 0 ? {} : { port }),
        tags: [...tags],
        meta: { ...meta, [fingerprintField]: digest(entry) },
        ...(check === undefined ? {} : { check: asConsul(id, check) }),
      }),
    );
    if (!registered.ok) return registered;
    this.#known.add(id);
    return isAgain && check !== undefined ? this.tell(id, check.healthy) : ok(undefined);
  }

  async deregister(id: string): Promise<Result<void, string>> {
    const gone = await this.#ask(
      `deregistering ${id}`,
      () => this.#consul.agent.service.deregister(id),
      (cause) => statusOf(cause) === 404,
    );
    if (!gone.ok) return gone;
    this.#known.delete(id);
    return ok(undefined);
  }

  async tell(id: string, healthy: boolean): Promise<Result<void, string>> {
    const check = { id: checkId(id), note: healthy ? "the task is healthy" : "the task is not healthy" };
    const told = await this.#ask(`telling the health of ${id}`, () =>
      healthy ? this.#consul.agent.check.pass(check) : this.#consul.agent.check.fail(check),
    );
    return told.ok ? ok(undefined) : told;
  }

  /** Lets go of the connections. */
  close(): void {
    (this.#consul as unknown as { destroy(): void }).destroy();
  }

  async #ask<T>(
    what: string,
    call: () => Promise<T>,
    isFine: (cause: unknown) => boolean = () => false,
  ): Promise<Result<T, string>> {
    try {
      return ok(await this.#limit(call));
    } catch (cause) {
      if (isFine(cause)) return ok(undefined as T);
      return fail(`Consul at ${this.#address}: ${what} failed: ${wordsOf(cause)}`);
    }
  }
}

/** Its own prefix keeps it apart from checks that others may add to the service. */
const checkId = (id: string): string => `emporion:${id}`;

const digest = (entry: CatalogEntry): string =>
  createHash("sha256").update(entryText(entry)).digest("hex").slice(0, 32);

const whole = (digested: string, healthy: boolean | undefined): string =>
  healthy === undefined ? digested : `${digested}:${healthy ? "healthy" : "unhealthy"}`;

/** The types ask for a timeout in every check; Consul has none for one that is told. */
const asConsul = (id: string, { healthy }: { healthy: boolean }): CheckOptions =>
  ({
    name: `health of ${id}`,
    checkid: checkId(id),
    ttl: toldTtl,
    status: healthy ? "passing" : "critical",
  }) as CheckOptions;

interface ServiceFound {
  readonly Meta?: Readonly<Record<string, string>>;
}

interface CheckFound {
  readonly Status: string;
}

function consulUrl(address: string): string {
  const text = address.includes("://") ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || !["", "/"].includes(url.pathname))
    throw new Error(
      `the address of Consul: expected host:port or a URL with http or https, found ${hideUser(address)}`,
    );
  return url.origin;
}

const hideUser = (address: string): string => address.replace(/\/\/[^@/]*@/, "//…@");

const statusOf = (cause: unknown): number | undefined =>
  (cause as { response?: { statusCode?: number } }).response?.statusCode;

/** The client prefixes its errors with the call; the body of an answer says more than its status. */
function wordsOf(cause: unknown): string {
  const { body } = (cause as { response?: { body?: unknown } }).response ?? {};
  const text = typeof body === "string" || body instanceof Uint8Array ? body.toString().trim() : "";
  const status = statusOf(cause);
  if (status !== undefined) return text === "" ? `status ${status}` : `${text} (status ${status})`;
  return (cause as Error).message.replace(/^(consul: )?(agent\.[a-zA-Z.]+: )?/, "");
}
