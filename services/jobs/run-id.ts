/**
 * Run ids in Metronome's form: `yyyyMMddHHmmss` (UTC) and five letters or digits. These are the millisecond within the second
 * and a counter of the term, so that ids grow with time and a term never gives out the same twice.
 */
export function runId(wall: number, epoch: number, counter: number): string {
  const at = new Date(wall);
  const digits = at.toISOString().replaceAll(/[^0-9]/g, "");
  const suffix = at.getUTCMilliseconds() * eachMs + ((epoch * 31 + counter) % eachMs);
  return `${digits.slice(0, 14)}${suffix.toString(36).padStart(5, "0")}`;
}

/** 1000 times it is less than 36^5: five letters or digits hold it. */
const eachMs = 60_000;
