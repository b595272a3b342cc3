export function ensureBuild(root: string): Promise<string>;
export function fingerprint(
  files: readonly { readonly path: string; readonly size: number; readonly mtimeMs: number }[],
): string;
export function staleOutputs(sources: readonly string[], outputs: readonly string[]): string[];
