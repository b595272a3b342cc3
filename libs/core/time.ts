/**
 * When something is handled. `mono` never jumps and has no meaning outside its process: deadlines are compared with it.
 * `wall` is for people and for records. Both ms.
 */
export interface Instant {
  readonly mono: number;
  readonly wall: number;
}

/** No deadline. */
export const never = Number.POSITIVE_INFINITY;
