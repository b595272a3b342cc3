// Before `npm test` and its like: node prepare.mjs start|test|sim
import { setUp } from "./set-up.mjs";

await setUp(process.argv[2]);
