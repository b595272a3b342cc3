/**
 * The JAR of the demo's JVM service; runs on Java 11 and later.
 * @param options javac: path of a compiler (`tools.jdks[n].javac`), without one the JAR kept in the tree serves;
 *   outDir: where a built one is kept and found again
 * @returns its path
 */
export function buildDemoJar(options: {
  readonly javac?: string | undefined;
  readonly outDir: string;
  readonly log?: (line: string) => void;
}): Promise<string>;
