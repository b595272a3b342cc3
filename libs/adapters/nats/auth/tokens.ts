import { createHash } from "node:crypto";
import { base32, type KeyPair } from "./keys.js";

/** What a token says of its subject: `nats` is as the server's documentation of JWTs has it. */
export interface Claims {
  /** Public key of whom it is about. */
  readonly sub: string;
  readonly name: string;
  readonly nats: Readonly<Record<string, unknown>> & { readonly type: "operator" | "account" | "user" };
}

/** A JWT as NATS knows it, signed with an nkey. @param issuedAt seconds since 1970 */
export function signedToken(claims: Claims, signer: KeyPair, issuedAt: number): string {
  const body = {
    iat: issuedAt,
    iss: signer.getPublicKey(),
    ...claims,
    nats: { ...claims.nats, version: 2 },
  };
  const jti = base32(createHash("sha512-256").update(JSON.stringify(body)).digest());
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...body, jti })}`;
  return `${text}.${Buffer.from(signer.sign(Buffer.from(text))).toString("base64url")}`;
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** What a token says, its signature unchecked; undefined when it is none. */
export function claimsOf(token: string): Claims | undefined {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Claims;
  } catch {
    return undefined;
  }
}
