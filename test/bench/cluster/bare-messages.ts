const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() };

export const bytesOf = (message: object): Uint8Array => utf8.encoder.encode(JSON.stringify(message));

export const read = <T>(bytes: Uint8Array): T => JSON.parse(utf8.decoder.decode(bytes)) as T;

/** What the bare master is asked for: so many offers. */
export interface Asked {
  readonly offers: number;
}

/** Of a bare master: offers of agents in turn, each sealed by nobody. */
export interface Offered {
  readonly offers: readonly { readonly body: string; readonly seal: string }[];
}
