import type { appsApi } from "#protocol/app.js";
import type { ServiceEffect, Stored } from "#libs/framework/own.js";
import type { Called, FrameworkCame } from "#libs/framework/service.js";

/** What happens to the AppsMachine. */
export type AppsEvent = FrameworkCame | Called<typeof appsApi> | Stored;

/** What the AppsMachine has done. */
export type AppsEffect = ServiceEffect;
