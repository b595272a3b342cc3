import {
  type AppDefinition,
  AppDefinition as AppDefinitionSchema,
  type appsApi,
  type AppView,
} from "#protocol/app.js";
import { codec } from "#protocol/codec.js";
import { type Fault, refusal } from "#protocol/errors.js";
import type { Attributes } from "#protocol/resources.js";
import { fail, ok } from "#protocol/result.js";
import { unreachable } from "#libs/core/assert.js";
import type { Instant } from "#libs/core/time.js";
import type { Outbox } from "#libs/framework/outbox.js";
import type { Called } from "#libs/framework/service.js";
import type { Apps } from "./apps.js";
import { type Change, notThere, put, remove, scale } from "./changes.js";
import type { ManagedApp } from "./managed-app.js";
import { definitionFaults } from "./validation.js";
import { appView, demandOf } from "./views.js";
import { countText } from "#libs/core/words.js";

export type AppsCall = Called<typeof appsApi>;

export interface AppsApiOptions {
  readonly apps: Apps;
  readonly outbox: Outbox;
  /** Id of the framework. */
  readonly framework: string;
  /** Of our term: deployments are numbered in it. */
  readonly epoch: number;
  /** Why nothing can be launched now, for people. */
  readonly hindered: () => readonly string[];
  /** Attributes of agents that could be had lately. */
  readonly seen: (at: Instant) => readonly Attributes[];
}

type ListRequest = Extract<AppsCall, { readonly call: "list" }>["request"];
type PutRequest = Extract<AppsCall, { readonly call: "put" }>["request"];

/** What one message on the bus holds. */
const tasksInAnAnswer = 3000;

const definitions = codec(AppDefinitionSchema);

/** Answers the calls of `appsApi`. A change is answered when it is stored. */
export class AppsApi {
  readonly #options: AppsApiOptions;
  #deployments = 0;

  constructor(options: AppsApiOptions) {
    this.#options = options;
  }

  called(at: Instant, { call, request, ticket }: AppsCall): void {
    const { apps, outbox } = this.#options;
    switch (call) {
      case "list":
        return outbox.answer(ticket, ok(this.#list(at, request)));
      case "get":
        return this.#about(ticket, request.id, (app) => appView(app, at, tasksInAnAnswer));
      case "demand":
        return this.#about(ticket, request.id, (app) => [this.#demand(at, app)]);
      case "put":
        return this.#put(at, ticket, request);
      case "scale": {
        const { id, instances } = request;
        const scaled = scale(apps.intended(id)?.app, { id, instances, version: () => this.#version(at) });
        if (!scaled.ok) return outbox.answer(ticket, scaled);
        return this.#carryOut(at, scaled.value, (deployment) => outbox.answer(ticket, ok(deployment)));
      }
      case "remove": {
        const { id } = request;
        const removed = remove(apps.intended(id)?.app, {
          id,
          wall: at.wall,
          version: () => this.#version(at),
        });
        if (!removed.ok) return outbox.answer(ticket, removed);
        return this.#carryOut(at, removed.value, (deployment) => outbox.answer(ticket, ok(deployment)));
      }
      default:
        return unreachable(call);
    }
  }

  #put(at: Instant, ticket: number, { definition, mode, dryRun }: PutRequest): void {
    const { apps, outbox } = this.#options;
    const faults = this.#faults(definition);
    if (faults.length > 0)
      return outbox.answer(ticket, fail(refusal("invalid", "Object is not valid", faults)));
    const present = apps.intended(definition.id)?.app;
    const changed = put(present, { definition, mode, version: () => this.#version(at) });
    if (!changed.ok) return outbox.answer(ticket, changed);
    const created = present === undefined;
    if (dryRun === true) {
      const { version } = changed.value.app;
      return outbox.answer(ticket, ok({ deployment: { deploymentId: "dry-run", version }, created }));
    }
    this.#carryOut(at, changed.value, (deployment) => outbox.answer(ticket, ok({ deployment, created })));
  }

  #faults(definition: AppDefinition): readonly Fault[] {
    const checked = definitions.check(definition);
    if (!checked.ok) return checked.error.faults;
    const faults = definitionFaults(definition);
    return [...faults, ...this.#options.apps.owners.faults(definition)];
  }

  #carryOut(
    at: Instant,
    { app, kind }: Change,
    answer: (deployment: { deploymentId: string; version: string }) => void,
  ): void {
    const { apps, outbox } = this.#options;
    const { id } = app.definition;
    const { version } = app;
    if (kind === undefined) {
      const deploymentId = apps.intended(id)?.deployment?.id ?? this.#deploymentId();
      return apps.whenStored(at, id, () => answer({ deploymentId, version }));
    }
    const deployment = { id: this.#deploymentId(), version, kind, since: at.wall };
    apps.change(app, deployment, (stored) => {
      const instances = countText(app.definition.instances, "instance");
      outbox.announce(stored, {
        type: said[kind],
        about: id,
        message: kind === "delete" ? `${id} is to be deleted` : `${id} is to run with ${instances}`,
        details: { deployment: deployment.id, version, instances: app.definition.instances },
      });
      answer({ deploymentId: deployment.id, version });
    });
  }

  #about(ticket: number, id: string, view: (app: ManagedApp) => unknown): void {
    const { apps, outbox } = this.#options;
    const app = apps.all.get(id);
    outbox.answer(ticket, app === undefined ? fail(notThere(id)) : ok(view(app)));
  }

  #demand(at: Instant, app: ManagedApp) {
    const { framework, hindered, seen } = this.#options;
    return demandOf(app, { at, framework, hindered: hindered(), seen: seen(at) });
  }

  #list(at: Instant, { after = "", most, withTasks = true }: ListRequest): AppView[] {
    const asked = [...this.#options.apps.all.values()]
      .filter(({ id }) => id > after)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, most);
    let room = withTasks ? tasksInAnAnswer : 0;
    return asked.map((app) => {
      const view = appView(app, at, room);
      room -= view.tasks.length;
      return view;
    });
  }

  #version(at: Instant): string {
    return this.#options.apps.versions.next(at.wall);
  }

  #deploymentId(): string {
    return `${this.#options.epoch}-${++this.#deployments}`;
  }
}

const said = { create: "created", update: "updated", scale: "scale-asked", delete: "delete-asked" } as const;
