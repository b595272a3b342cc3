import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface Registry {
  /** `127.0.0.1:<port>`: an engine takes loopback for granted without TLS. */
  readonly host: string;
  manifestsServed(): number;
  /** How often it was asked anything. */
  questions(): number;
  close(): Promise<void>;
}

/** A registry that has every image of every name: one empty layer. It wants the login, if one is given. */
export async function fakeRegistry(login?: { username: string; password: string }): Promise<Registry> {
  const layerTar = Buffer.alloc(1024);
  const layer = gzipSync(layerTar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [digestOf(layerTar)] },
      history: [{ created: "2020-01-01T00:00:00Z" }],
    }),
  );
  const docker = "application/vnd.docker.distribution.manifest.v2+json";
  const image = "application/vnd.docker.container.image.v1+json";
  const tarGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: docker,
      config: { mediaType: image, size: config.length, digest: digestOf(config) },
      layers: [{ mediaType: tarGzip, size: layer.length, digest: digestOf(layer) }],
    }),
  );
  const blobs = new Map([config, layer].map((blob) => [digestOf(blob), blob]));
  let manifests = 0;
  let questions = 0;

  const answer = ({
    url = "",
    headers,
    method,
  }: IncomingMessage): [number, Record<string, string>, Buffer] => {
    questions++;
    const given = headers.authorization?.replace(/^Basic /, "") ?? "";
    const asked = login && Buffer.from(`${login.username}:${login.password}`).toString("base64");
    if (asked !== undefined && given !== asked)
      return [
        401,
        { "www-authenticate": 'Basic realm="test"' },
        refusal("UNAUTHORIZED", "authentication required"),
      ];
    if (url === "/v2/") return [200, {}, Buffer.from("{}")];
    if (/\/manifests\//.test(url)) {
      if (method === "GET") manifests++;
      return [200, { "content-type": docker, "docker-content-digest": digestOf(manifest) }, manifest];
    }
    const blob = blobs.get(/\/blobs\/(sha256:[0-9a-f]+)$/.exec(url)?.[1] ?? "");
    return blob === undefined ? [404, {}, refusal("NAME_UNKNOWN", "no such thing")] : [200, {}, blob];
  };

  const server = createServer((request, response) => {
    const [status, headers, body] = answer(request);
    response.writeHead(status, {
      "docker-distribution-api-version": "registry/2.0",
      "content-length": body.length,
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await new Promise<void>((ready) => void server.listen(0, "127.0.0.1", ready));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    manifestsServed: () => manifests,
    questions: () => questions,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const refusal = (code: string, message: string): Buffer =>
  Buffer.from(JSON.stringify({ errors: [{ code, message }] }));
