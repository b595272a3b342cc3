import { type Static, Type } from "typebox";
import { commonSettings } from "#libs/adapters/config.js";
import { FrameworkId, RoleName } from "#protocol/ids.js";

export const AppsSettings = Type.Object({
  ...commonSettings,
  framework: Type.String({
    ...FrameworkId,
    env: "EMPORION_APPS_FRAMEWORK",
    default: "apps",
    description:
      "id of the framework: also names its bucket and its lease; copies with one id are hot standbys",
  }),
  role: Type.String({
    ...RoleName,
    env: "EMPORION_APPS_ROLE",
    default: "apps",
    description: "role under which it shares the cluster",
  }),
});
export type AppsSettings = Static<typeof AppsSettings>;
