export function freeSubnet(taken: readonly string[], seed: number): string | undefined;
export function overlap(one: string, other: string): boolean;
export function parseRoutes(text: string): string[];
