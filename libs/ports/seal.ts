/** HMAC-SHA256 as lower-case hex. */
export interface Sealer {
  /** The key of an agent, derived from the cluster's key: HMAC(cluster key, "agent:" + id). */
  agentKey(agent: string): string;
  /** Of the text's UTF-8 bytes. */
  seal(key: string, text: string): string;
  /** In constant time. */
  matches(key: string, text: string, seal: string): boolean;
}
