import { type Static, Type } from "typebox";
import { commonSettings } from "#libs/adapters/config.js";
import { FrameworkId, RoleName } from "#protocol/ids.js";

export const JobsSettings = Type.Object({
  ...commonSettings,
  framework: Type.String({
    ...FrameworkId,
    env: "EMPORION_JOBS_FRAMEWORK",
    default: "jobs",
    description:
      "id of the framework: also names its bucket and its lease; copies with one id are hot standbys",
  }),
  role: Type.String({
    ...RoleName,
    env: "EMPORION_JOBS_ROLE",
    default: "jobs",
    description: "role under which it shares the cluster",
  }),
});
export type JobsSettings = Static<typeof JobsSettings>;
