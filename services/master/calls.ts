import type { Static } from "typebox";
import { type ApiCall, type masterApi } from "#protocol/api.js";

type RequestOf<C> = C extends ApiCall<infer Q> ? Static<Q> : never;

/** A call of the master's API, decoded: its name and its request. */
export type MasterCall = {
  readonly [N in keyof typeof masterApi]: {
    readonly name: N;
    readonly request: RequestOf<(typeof masterApi)[N]>;
  };
}[keyof typeof masterApi];

export type CallOf<N extends MasterCall["name"]> = Extract<MasterCall, { readonly name: N }>;
