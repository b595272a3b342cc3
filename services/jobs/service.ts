import { jobsApi } from "#protocol/job.js";
import { runOwnService } from "#libs/framework/perform-own.js";
import type { Stop } from "#libs/framework/runtime.js";
import type { FrameworkPorts, ServiceOptions } from "#libs/framework/service.js";
import { JobsMachine } from "./machine.js";

/** Runs `jobs`: stands for the lead, and while it leads serves the API and carries out every run. */
export const runJobs = (
  ports: FrameworkPorts,
  options: ServiceOptions,
  crashed: (cause: unknown) => void,
): Stop => runOwnService(ports, { ...options, calls: jobsApi }, (term) => new JobsMachine(term), crashed);
