import { carve, needOf } from "#libs/framework/carve.js";
import { isLast } from "#libs/framework/scheduler.js";
import { startFramework } from "#libs/framework/start.js";

/** Runs one process on each rack, and another one when it ends. */
const racks = ["a", "b", "c"];
const size = { cpus: 0.1, mem: 32 };

await startFramework({ id: "one-per-rack", role: "examples" }, ({ log }) => {
  const taskOn = new Map<string, string>();
  const empty = () => racks.filter((rack) => !taskOn.has(rack));

  return {
    needs: () => empty().map((rack) => needOf(size, { attributes: { rack } })),

    place: (_, offers, ids) =>
      empty().flatMap((rack) => {
        const offer = offers.find(({ attributes }) => attributes["rack"] === rack);
        const resources = offer && carve(offer, size);
        if (!resources) return [];
        const workload = { kind: "process" as const, command: `echo "on rack ${rack}"; exec sleep 3600` };
        const task = { id: ids.next(rack), name: "one-per-rack", workload, resources, labels: { rack } };
        return [{ offer, tasks: [task] }];
      }),

    taskChanged: (_, { spec, phase, host, message = "" }) => {
      const rack = spec.labels!["rack"]!;
      if (!isLast(phase)) taskOn.set(rack, spec.id);
      else if (taskOn.get(rack) === spec.id) taskOn.delete(rack);
      log.info(`${spec.id} on ${host}: ${phase} ${message}`);
    },
  };
});
