/**
 * Run ids in Metronome's form: `yyyyMMddHHmmss` (UTC) and five letters or digits. These come from the term's epoch and a
 * counter, mixed one to one, so that a term never gives out the same twice within one second.
 */
export function runId(wall: number, epoch: number, counter: number): string {
  const digits = new Date(wall).toISOString().replaceAll(/[^0-9]/g, "");
  return `${digits.slice(0, 14)}${mixed(epoch, counter).toString(36).padStart(5, "0")}`;
}

/** 36^5; the factor has no common divisor with it, so that different counters give different numbers. */
const numbers = 60_466_176;
const factor = 25_214_903;

const mixed = (epoch: number, counter: number): number =>
  Number((BigInt(counter) * BigInt(factor) + BigInt(epoch) * 7_919n) % BigInt(numbers));
