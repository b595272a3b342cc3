import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Users } from "#libs/adapters/process/users.js";
import type { ArtifactLimits } from "#libs/adapters/sandbox/artifacts.js";
import { HostSandboxes } from "#libs/adapters/sandboxes.js";

export const isRoot = process.getuid?.() === 0;

const users = new Users({ defaultUser: isRoot ? "nobody" : `${process.getuid?.()}`, allowRoot: true });

/** A directory of one test with sandboxes in it, and beside them what is offered to be brought there. */
export class SandboxDisk {
  readonly root = mkdtempSync(join(tmpdir(), "emporion-sandboxes-"));

  constructor() {
    chmodSync(this.root, 0o755);
    mkdirSync(join(this.root, "offered"));
  }

  open(artifacts: Partial<ArtifactLimits> = {}): HostSandboxes {
    return new HostSandboxes({ workDir: join(this.root, "work"), users, artifacts });
  }

  /** Its URI. */
  offer(name: string, content: string): string {
    const file = join(this.root, "offered", name);
    writeFileSync(file, content);
    return `file://${file}`;
  }

  end(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
