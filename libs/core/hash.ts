/** FNV-1a with MurmurHash3's finish: 32 bits that look random even for texts that differ in their last letter only. */
export function hashOf(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return (sum ^ (sum >>> 16)) >>> 0;
}

/** 0 ≤ x < 1, the same for the same text: chance without dice. */
export const fractionOf = (text: string): number => hashOf(text) / 2 ** 32;
