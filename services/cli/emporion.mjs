#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../../.build/services/cli/main.js", import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  process.stderr.write("emporion: not built yet; run `npm run build` (or `npm start`) first\n");
  process.exit(2);
}
await import(main.href);
