import { Failure } from "./failure.js";

export interface ClientOptions {
  /** Of the gateway: `http://127.0.0.1:8080` */
  readonly url: string;
  readonly token?: string;
}

interface ErrorBody {
  readonly message?: string;
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

  get = async <T>(path: string): Promise<T> => (await (await this.open("GET", path)).json()) as T;
  post = async <T>(path: string, body?: unknown): Promise<T> =>
    (await (await this.open("POST", path, body)).json()) as T;
  put = async <T>(path: string, body: unknown): Promise<T> =>
    (await (await this.open("PUT", path, body)).json()) as T;
  delete = async <T>(path: string): Promise<T> => (await (await this.open("DELETE", path)).json()) as T;

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
    if (response.ok) return response;
    throw await refusedFailure(response);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, init);
    } catch (cause) {
      const inner = (cause as Error).cause as (Error & { code?: string }) | undefined;
      const why = inner?.code ?? inner?.message ?? (cause as Error).message;
      throw new Failure(
        "unreachable",
        `no cluster answers at ${this.url} (${why}): is it running? \`npm start\` runs one; --url or EMPORION_URL names another`,
      );
    }
  }
}

async function refusedFailure(response: Response): Promise<Failure> {
  const text = await response.text();
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    return new Failure(
      "refused",
      `the answer is not Emporion's (HTTP ${response.status}): is ${response.url} the gateway?`,
    );
  }
  const details = (body.details ?? []).map(({ path, errors }) => `${path}: ${errors.join("; ")}`);
  return new Failure(
    response.status === 503 || response.status === 504 ? "unreachable" : "refused",
    body.message ?? `HTTP ${response.status}`,
    details,
  );
}
