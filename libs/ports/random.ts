export interface Random {
  /** 0 ≤ x < 1 */
  fraction(): number;
  /** Letters and digits, lower case; collisions are as likely as chance has it. */
  token(length: number): string;
}
