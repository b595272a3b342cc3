interface Place {
  readonly table: string;
  readonly bridge: string;
  readonly subnet: string;
}
export function removalScript(saved: string, place: Place & { readonly isLast: boolean }): string;
export function givingBackScript(before: string, now: string, place: Place): string;
