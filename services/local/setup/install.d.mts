interface LockFile {
  readonly packages?: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>;
}
export function ensurePackages(root: string): Promise<string>;
export function sameInstallation(lock: LockFile, installed: LockFile): boolean;
