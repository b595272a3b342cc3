/** A server that the set-up found. */
export type Server =
  | { readonly kind: "running"; readonly url: string; readonly version: string }
  | { readonly kind: "binary"; readonly path: string; readonly from: Origin; readonly version: string }
  | { readonly kind: "missing"; readonly reason: string };

/** Where a program was found, or what it was fetched from in this set-up. */
export type Origin = "PATH" | ".tools" | "packages" | "release";

export type Docker =
  | { readonly kind: "running"; readonly socket: string; readonly version: string }
  | {
      readonly kind: "binaries";
      readonly dockerd: string;
      /** To go before PATH. */
      readonly path: readonly string[];
      /** LD_LIBRARY_PATH, XTABLES_LIBDIR where needed. */
      readonly env: Readonly<Record<string, string>>;
      readonly from: Origin;
      readonly version: string;
    }
  | { readonly kind: "missing"; readonly reason: string };

export interface Jdk {
  readonly home: string;
  readonly version: string;
  readonly major: number;
  readonly vendor: string;
  readonly java: string;
  readonly javac?: string;
}

/** Docker Compose. */
export type Compose =
  | {
      /** The program and its first arguments. */
      readonly command: readonly [string, ...string[]];
      readonly env: Readonly<Record<string, string>>;
      readonly from: Origin;
      readonly version: string;
    }
  | { readonly command?: never; readonly reason: string };

/** .tools/tools.json */
export interface Tools {
  readonly nats: Server;
  readonly consul: Server;
  readonly docker: Docker;
  /** A statically linked busybox. */
  readonly busybox:
    | { readonly path: string; readonly from: Origin }
    | { readonly path?: never; readonly reason: string };
  /** Newest first. */
  readonly jdks: readonly Jdk[];
  /** Only looked for before tests. */
  readonly compose?: Compose;
}

/** The root of the project, from the sources and from .build alike. */
export const ROOT: string;

export function toolsFile(root?: string): string;

/** What the set-up found. Throws when it has not run. */
export function readTools(root?: string): Tools;

export function writeTools(tools: Tools, root?: string): Promise<void>;
