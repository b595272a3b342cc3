import { writeFileSync } from "node:fs";
import { protocolSchema } from "#protocol/schema.js";

/** `npm run schema`: brings protocol/schema.json up to date with the messages. */
writeFileSync("protocol/schema.json", `${JSON.stringify(protocolSchema(), undefined, 2)}\n`);
