import { readFileSync } from "node:fs";
import { Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { fail, ok, type Result } from "#protocol/result.js";

/** Of a registry; never shown. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

/** By the registry's name as images are written with it: `registry.example.org:5000`, `docker.io`. */
export type Logins = ReadonlyMap<string, RegistryLogin>;

/** What `docker login` writes, as far as it is needed here. */
const DockerConfig = Type.Object({
  auths: Type.Optional(Type.Record(Type.String(), Type.Object({ auth: Type.Optional(Type.String()) }))),
});
const dockerConfig = codec(DockerConfig);

/** The name under which Docker keeps the logins of its own registry. */
const dockerHub = /(^|\/\/)index\.docker\.io(\/|$)/;

/**
 * The logins in a `config.json` of Docker's, as `docker login` makes it: `{"auths": {"registry.example.org": {"auth": "<base64 of
 * name:password>"}}}`. Logins that a credential helper keeps are not in it. Failure in words, without what is in the file.
 */
export function readLogins(file: string): Result<Logins, string> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    return fail(`${file} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "failed"}`);
  }
  const config = dockerConfig.decode(bytes);
  if (!config.ok)
    return fail(`${file} is no configuration of Docker's: expected auths, a login for each registry`);
  const logins = new Map<string, RegistryLogin>();
  for (const [key, entry] of Object.entries(config.value.auths ?? {})) {
    if (entry.auth === undefined) continue;
    const login = loginIn(entry.auth);
    if (login === undefined) return fail(`${file}: auths ${key}: expected base64 of name:password`);
    logins.set(registryNamed(key), login);
  }
  return ok(logins);
}

function loginIn(auth: string): RegistryLogin | undefined {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

/** Old clients wrote URLs. */
const registryNamed = (key: string): string =>
  dockerHub.test(key) ? "docker.io" : key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
