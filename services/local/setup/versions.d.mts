export function versionIn(text: string): string | undefined;
export function compareVersions(left: string, right: string): number;
export function atLeast(version: string, wanted: string): boolean;
