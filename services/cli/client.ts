import { inThousandths } from "#libs/core/plain-units.js";
import { Failure } from "./failure.js";

export interface ClientOptions {
  /** Of the gateway: `http://127.0.0.1:8080` */
  readonly url: string;
  readonly token?: string;
}

interface ErrorBody {
  readonly message?: string;
  readonly code?: string;
  readonly details?: readonly { readonly path: string; readonly errors: readonly string[] }[];
}

/** Talks to the gateway. Every failure is a Failure in words. */
export class Client {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor({ url, token }: ClientOptions) {
    this.url = url.replace(/\/+$/, "");
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  get = async <T>(path: string): Promise<T> => this.#json("GET", path);
  post = async <T>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> =>
    this.#json("POST", path, body, headers);
  put = async <T>(path: string, body: unknown): Promise<T> => this.#json("PUT", path, body);
  delete = async <T>(path: string): Promise<T> => this.#json("DELETE", path);

  async #json<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await this.open(method, path, body, headers);
    try {
      const text = await response.text();
      return (path.startsWith("/cluster/") ? JSON.parse(text, inThousandths) : JSON.parse(text)) as T;
    } catch (cause) {
      throw new Failure("unreachable", `the answer of ${this.url} broke off: ${(cause as Error).message}`);
    }
  }

  /** The answer, with its body still to be read; a refusal is a Failure. */
  async open(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const sent =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await this.#fetch(path, {
      method,
      ...sent,
      headers: { ...this.#headers, ...sent.headers, ...headers },
    });
    if (response.headers.get("x-emporion") !== "gateway") {
      await response.body?.cancel();
      throw new Failure(
        "unreachable",
        `what answers at ${this.url} is not Emporion's gateway (HTTP ${response.status}); ${otherAddress}`,
      );
    }
    if (response.ok) return response;
    throw await refusedFailure(response);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, init);
    } catch (cause) {
      throw new Failure("unreachable", whyUnreached(this.url, cause as Error));
    }
  }
}

function whyUnreached(url: string, cause: Error): string {
  const inner = cause.cause as (Error & { code?: string }) | undefined;
  const code = inner?.code ?? "";
  // A gateway that ends closes its connections, those with an answer under way too.
  if (brokenOff.has(code))
    return `the connection to ${url} broke before the answer was there (${inner?.message}): what was asked may or may not have been done`;
  // Node's HTTP parser: something answers, in another language.
  if (code.startsWith("HPE_"))
    return `what answers at ${url} does not speak HTTP, so it is not Emporion's gateway; ${otherAddress}`;
  // A list of the Fetch standard's: ports of other protocols, which no client of it asks.
  if (inner?.message === "bad port")
    return `the port of ${url} is one that HTTP clients refuse to ask: no gateway can be reached there; ${otherAddress}`;
  const why = code === "ECONNREFUSED" ? "nobody listens there" : code || inner?.message || cause.message;
  return `no cluster answers at ${url} (${why}): is it running? \`npm start\` runs one; ${otherAddress}`;
}

const brokenOff: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);
const otherAddress = "--url or EMPORION_URL names another address";

async function refusedFailure(response: Response): Promise<Failure> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const details = (body.details ?? []).map(({ path, errors }) => `${path}: ${errors.join("; ")}`);
  return new Failure(
    response.status === 503 || response.status === 504 ? "unreachable" : "refused",
    body.message ?? `HTTP ${response.status}`,
    details,
    body.code,
  );
}
