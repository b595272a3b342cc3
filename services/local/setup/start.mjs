// `npm start`: what is asked is checked before anything is fetched or built, then comes the set-up, then the cluster, in this process.
import { parseOptions, UsageError } from "./options.mjs";
import { setUp } from "./set-up.mjs";

let asked;
try {
  asked = parseOptions(process.argv.slice(2), process.cwd());
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`emporion: ${error.message}`);
  process.exit(2);
}
if ("help" in asked) console.log(asked.help);
else {
  await setUp("start");
  await import("../../../.build/services/local/main.js");
}
