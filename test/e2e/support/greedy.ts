import { carve, needOf } from "#libs/framework/carve.js";
import { subtract } from "#libs/core/resources.js";
import { startFramework } from "#libs/framework/start.js";

/** A framework that wants everything: short tasks, as many as it can get. `GREEDY_ID` is its id and its role. */
const id = process.env["GREEDY_ID"] ?? "greedy";
const size = { cpus: 0.04, mem: 16 };

await startFramework({ id, role: id }, () => ({
  needs: () => [needOf(size, { count: 1000 })],

  place: (_, offers, ids) =>
    offers.map((offer) => {
      const tasks = [];
      for (let left = offer.resources, resources = carve(offer, size); resources !== undefined;) {
        tasks.push({
          id: ids.next(id),
          name: id,
          workload: { kind: "process" as const, argv: ["/bin/sleep", "2"] },
          resources,
        });
        left = subtract(left, resources);
        resources = carve({ ...offer, resources: left }, size);
      }
      return { offer, tasks };
    }),

  taskChanged: () => {},
}));
