export interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}
export interface System {
  readonly family: "debian" | "ubuntu" | undefined;
  readonly codename: string;
  readonly name: string;
}
export function parseSources(text: string, notation: "list" | "sources"): Source[];
export function ownSources(sources: readonly Source[], codename: string): Source[];
export function olderSources(
  sources: readonly Source[],
  system: Pick<System, "family" | "codename">,
): Source[];
export function newerSources(
  sources: readonly Source[],
  system: Pick<System, "family" | "codename">,
): Source[];
export function formatSources(sources: readonly Source[]): string;
export function parseOsRelease(text: string): System;
