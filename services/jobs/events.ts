import type { jobsApi } from "#protocol/job.js";
import type { ServiceEffect, Stored } from "#libs/framework/own.js";
import type { Called, FrameworkCame } from "#libs/framework/service.js";

/** What happens to the JobsMachine. */
export type JobsEvent = FrameworkCame | Called<typeof jobsApi> | Stored;

/** What the JobsMachine has done. */
export type JobsEffect = ServiceEffect;
