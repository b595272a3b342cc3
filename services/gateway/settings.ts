import { type Static, Type } from "typebox";
import { commonSettings } from "#libs/adapters/config.js";

export const GatewaySettings = Type.Object({
  ...commonSettings,
  host: Type.String({ minLength: 1, env: "EMPORION_GATEWAY_HOST", default: "127.0.0.1" }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, env: "EMPORION_GATEWAY_PORT", default: 8080 }),
  /** Asked of every request; without it the gateway listens on loopback only. */
  token: Type.Optional(Type.String({ minLength: 16, env: "EMPORION_GATEWAY_TOKEN", secret: true })),
  /** Names under which it may be addressed, besides loopback's: a list with commas. */
  hosts: Type.Array(Type.String(), { env: "EMPORION_GATEWAY_HOSTS", default: [] }),
});
export type GatewaySettings = Static<typeof GatewaySettings>;

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Undefined when the gateway may listen there, else why not. */
export const exposureFault = ({ host, token }: Pick<GatewaySettings, "host" | "token">): string | undefined =>
  token !== undefined || loopback.test(host)
    ? undefined
    : `EMPORION_GATEWAY_HOST is ${host}: a deploy is a shell on every host, so beyond loopback a token is needed: set EMPORION_GATEWAY_TOKEN_FILE (16 characters at least)`;
