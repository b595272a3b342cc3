export interface Release {
  readonly url: string;
  readonly sha256: string;
  readonly file: string;
}
export const RELEASES: Readonly<Record<string, Readonly<Record<string, Release>>>>;
export function releaseFor(tool: string, platform?: string, arch?: string): Release | undefined;
export function fetchRelease(release: Release, into: string): Promise<string>;
