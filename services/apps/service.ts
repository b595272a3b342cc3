import { appsApi } from "#protocol/app.js";
import { runOwnService } from "#libs/framework/perform-own.js";
import type { Stop } from "#libs/framework/runtime.js";
import type { FrameworkPorts, ServiceOptions } from "#libs/framework/service.js";
import { AppsMachine } from "./machine.js";

/** Runs `apps`: stands for the lead, and while it leads serves the API and keeps every app running as asked. */
export const runApps = (
  ports: FrameworkPorts,
  options: ServiceOptions,
  crashed: (cause: unknown) => void,
): Stop => runOwnService(ports, { ...options, calls: appsApi }, (term) => new AppsMachine(term), crashed);
