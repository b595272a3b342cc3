import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { JobDefinition, jobsApi } from "#protocol/job.js";
import { invalid, Refused } from "./answer.js";
import { allJobs } from "./lists.js";
import { jobInfo, jobSpec, runInfo } from "./metronome.js";
import type { Parts } from "./parts.js";
import { unsupportedOfJobs, withReasons } from "./unsupported.js";
import { expectSameId, filledAndChecked } from "./validation.js";

const definitions = codec(JobDefinition);
const tags = ["jobs"];
const embeds = ["activeRuns", "schedules", "history", "historySummary"];
const Embed = Type.Object({ embed: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])) });

interface ById {
  readonly Params: { readonly job: string };
}
interface RunById {
  readonly Params: { readonly job: string; readonly run: string };
}
interface Embeds {
  readonly Querystring: { readonly embed?: string | string[] };
}

/** `/v1/jobs` in Metronome's shapes. Beyond it: results of ended runs are kept and shown. */
export function jobRoutes(app: FastifyInstance, { api }: Parts): void {
  app.get<Embeds>(
    "/v1/jobs",
    { schema: { tags, summary: "All jobs", querystring: Embed } },
    async ({ query }) => {
      const embed = embedOf(query.embed);
      return (await allJobs(api)).map((view) => jobInfo(view, embed));
    },
  );

  app.post<{ Body: Record<string, unknown> }>(
    "/v1/jobs",
    {
      schema: {
        tags,
        summary: "Submit a job",
        body: Type.Record(Type.String(), Type.Unknown()),
        description: "The body is a JobDefinition; what is absent has its default.",
      },
    },
    async ({ body }, answer) => {
      void answer.code(201);
      return jobSpec(await api.call(jobsApi.create, checked(body)));
    },
  );

  app.put<ById & { Querystring: { dryRun: boolean }; Body: Record<string, unknown> }>(
    "/v1/jobs/:job",
    {
      schema: {
        tags,
        summary: "Change a job: runs that are started from now on have this definition",
        body: Type.Record(Type.String(), Type.Unknown()),
        description: "The body is a whole JobDefinition; what is absent has its default.",
        querystring: Type.Object({
          dryRun: Type.Boolean({ default: false, description: "only say how it would be taken" }),
        }),
      },
    },
    async ({ params: { job }, query: { dryRun }, body }) => {
      const definition = checked({ id: job, ...body });
      expectSameId(body, job);
      return jobSpec(await api.call(jobsApi.update, { definition, dryRun }));
    },
  );

  app.get<ById & Embeds>(
    "/v1/jobs/:job",
    { schema: { tags, summary: "One job", querystring: Embed } },
    async ({ params, query }) =>
      jobInfo(await api.call(jobsApi.get, { id: params.job }), embedOf(query.embed)),
  );

  app.delete<ById & { Querystring: { stopCurrentJobRuns: boolean } }>(
    "/v1/jobs/:job",
    {
      schema: {
        tags,
        summary: "Forget a job",
        querystring: Type.Object({ stopCurrentJobRuns: Type.Boolean({ default: false }) }),
      },
    },
    async ({ params, query }) => jobSpec(await api.call(jobsApi.remove, { id: params.job, ...query })),
  );

  app.post<ById & { Headers: { "idempotency-key"?: string } }>(
    "/v1/jobs/:job/runs",
    { schema: { tags, summary: "Start a run; the same Idempotency-Key gives the same run" } },
    async ({ params, headers }, answer) => {
      const key = headers["idempotency-key"];
      const run = await api.call(
        jobsApi.start,
        key === undefined ? { id: params.job } : { id: params.job, key },
      );
      void answer.code(201).header("location", `/v1/jobs/${params.job}/runs/${run.id}`);
      return runInfo(run);
    },
  );

  app.get<ById & { Querystring: { all: boolean } }>(
    "/v1/jobs/:job/runs",
    {
      schema: {
        tags,
        summary: "Active runs; `all=true`: ended ones too",
        querystring: Type.Object({ all: Type.Boolean({ default: false }) }),
      },
    },
    async ({ params, query }) => {
      const { active, finished } = await api.call(jobsApi.get, { id: params.job });
      return [...active, ...(query.all ? finished : [])].map(runInfo);
    },
  );

  app.get<RunById>(
    "/v1/jobs/:job/runs/:run",
    { schema: { tags, summary: "One run with its result" } },
    async ({ params }) => runInfo(await api.call(jobsApi.run, { id: params.job, run: params.run })),
  );

  app.post<RunById>(
    "/v1/jobs/:job/runs/:run/actions/stop",
    { schema: { tags, summary: "Stop a run" } },
    async ({ params }) => runInfo(await api.call(jobsApi.stop, { id: params.job, run: params.run })),
  );
}

/** What was given as an answer is taken back: no schedules are what there is. */
function checked({ schedules, ...body }: Record<string, unknown>): JobDefinition {
  const isEmpty = Array.isArray(schedules) && schedules.length === 0;
  const given = schedules === undefined || isEmpty ? body : { ...body, schedules };
  const result = filledAndChecked(definitions, given);
  if (!result.ok) throw invalid(withReasons(result.error.faults, unsupportedOfJobs));
  return result.value;
}

function embedOf(given: string | string[] | undefined): ReadonlySet<string> {
  const asked = [given ?? []].flat().flatMap((each) => each.split(","));
  const unknown = asked.filter((each) => !embeds.includes(each));
  if (unknown.length > 0)
    throw new Refused(
      { code: "invalid", message: `unknown embed ${unknown.join(", ")}; there are ${embeds.join(", ")}` },
      400,
    );
  return new Set(asked);
}
