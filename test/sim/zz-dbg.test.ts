import { scenario } from "./scenario.js";
import { appsApi } from "#protocol/app.js";
const web = "/demo/web",
  box = "/demo/box";
it("dbg", async function () {
  this.timeout(60000);
  const seed = Number(process.env["SIM_SEED"]);
  await scenario(
    { seed, link: { latencyMs: [1, 50], lossRate: 0.05, doubleRate: 0.05 }, copies: { master: 2 } },
    async (cluster) => {
      const log = (w: string) => cluster.world.trace.add(`${cluster.world.schedule.now} ### ${w}`);
      await cluster.deploy({ id: web, instances: 5 });
      await cluster.deploy({ id: box, instances: 3, container: { docker: { image: "box" } } });
      await cluster.pass(2000);
      await cluster.scale(web, 9);
      await cluster.pass(3000);
      await cluster.scale(web, 4);
      await cluster.settled(web, 180_000);
      log(
        "settled " +
          JSON.stringify((await cluster.app(web)).tasks) +
          JSON.stringify([...cluster.running(web)]),
      );
      await cluster.remove(box);
      log("removed");
      await cluster.until("box to end", () => cluster.countRunning(box) === 0, 180_000);
      log(
        "end " +
          JSON.stringify((await cluster.apps()).map((a) => [a.app.definition.id, a.settled, a.tasks])) +
          JSON.stringify([...cluster.running(web)]),
      );
      await cluster.pass(60000);
      log(
        "end " +
          JSON.stringify((await cluster.apps()).map((a) => [a.app.definition.id, a.settled, a.tasks])) +
          JSON.stringify([...cluster.running(web)]),
      );
    },
  );
});
