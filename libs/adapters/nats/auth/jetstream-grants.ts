import type { PrincipalKind } from "#protocol/grants.js";
import { Subjects } from "#protocol/subjects.js";

/** Tokens that stand for what is a principal's own. */
export interface OwnTokens {
  readonly bucket: string;
  readonly bucketStream: string;
  readonly consumer: string;
  /** Key of its lease. */
  readonly lease: string;
}

/**
 * What a principal may publish to JetStream. Streams are made by masters alone: who makes one says which subjects it keeps and which
 * streams it copies, and could so read all. Who makes a consumer says where it delivers to, and the server asks nobody whether
 * he may; hence receivers drop what a stream has delivered where a principal should speak (`NatsBus`).
 */
export function jetStreamGrants(kind: PrincipalKind, cluster: string, own: OwnTokens): readonly string[] {
  const subjects = new Subjects(cluster);
  const { statusStream, eventStream } = subjects;
  const leases = subjects.bucket("leases");
  const lease = (name: string) => [
    `${api}.STREAM.INFO.KV_${leases}`,
    `${api}.STREAM.MSG.GET.KV_${leases}`,
    `$KV.${leases}.${name}`,
  ];
  switch (kind) {
    case "master": {
      const bucket = subjects.bucket("master");
      return [
        ...["INFO", "CREATE", "UPDATE", "MSG.GET"].map((verb) => `${api}.STREAM.${verb}.*`),
        "$KV.*./identity",
        ...["CREATE", "DURABLE.CREATE", "INFO", "DELETE"].map(
          (verb) => `${api}.CONSUMER.${verb}.${statusStream}.>`,
        ),
        `${api}.STREAM.PURGE.${statusStream}`,
        ...bucketGrants(bucket, `KV_${bucket}`),
        ...lease("master"),
      ];
    }
    case "agent":
      return [`${api}.STREAM.INFO.${statusStream}`];
    case "framework":
    case "apps":
    case "jobs":
      return [
        `${api}.STREAM.INFO.${statusStream}`,
        `${api}.CONSUMER.INFO.${statusStream}.${own.consumer}`,
        `${api}.CONSUMER.MSG.NEXT.${statusStream}.${own.consumer}`,
        `$JS.ACK.${statusStream}.${own.consumer}.>`,
        // With the domain and the account before them, as later servers have it.
        `$JS.ACK.*.*.${statusStream}.${own.consumer}.>`,
        ...bucketGrants(own.bucket, own.bucketStream),
        ...lease(own.lease),
      ];
    case "gateway":
      return [`${api}.STREAM.INFO.${eventStream}`, ...reading(eventStream)];
  }
}

const api = "$JS.API";

/** Through consumers made for one reading. */
const reading = (stream: string): string[] => [
  `${api}.CONSUMER.CREATE.${stream}`,
  `${api}.CONSUMER.CREATE.${stream}.>`,
  ...["INFO", "DELETE", "MSG.NEXT"].map((verb) => `${api}.CONSUMER.${verb}.${stream}.*`),
];

const bucketGrants = (bucket: string, stream: string): string[] => [
  ...["INFO", "MSG.GET", "MSG.DELETE"].map((verb) => `${api}.STREAM.${verb}.${stream}`),
  ...reading(stream),
  `$KV.${bucket}.>`,
];
