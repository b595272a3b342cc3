// The image emporion/busybox:local, made here from a static busybox: no registry is asked.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { callDocker } from "./docker-api.mjs";
import { runOrThrow } from "./run.mjs";

export const BUSYBOX_IMAGE = "emporion/busybox:local";
const SOURCE_LABEL = "emporion.source";
const BLOCK = 512;

/** Declared in image.d.mts. */
export async function buildBusyboxImage({ socket, busybox }) {
  const program = await readFile(busybox);
  const { stdout } = await runOrThrow(busybox, ["--list"]);
  const archive = busyboxTar(
    program,
    stdout.split("\n").filter((name) => name !== "" && name !== "busybox"),
  );
  const source = createHash("sha256").update(archive).digest("hex");
  const there = await inspect(socket);
  if (there?.Config?.Labels?.[SOURCE_LABEL] === source) return { image: BUSYBOX_IMAGE, id: there.Id };
  await importImage(socket, archive, source);
  const made = await inspect(socket);
  if (made === undefined) throw new Error(`${BUSYBOX_IMAGE} was imported but is not there`);
  return { image: BUSYBOX_IMAGE, id: made.Id };
}

async function importImage(socket, archive, source) {
  const [repo, tag] = BUSYBOX_IMAGE.split(":");
  const query = new URLSearchParams({ fromSrc: "-", repo, tag });
  for (const change of [`CMD ["sh"]`, `ENV PATH=/bin`, `LABEL ${SOURCE_LABEL}=${source}`])
    query.append("changes", change);
  const { status, body } = await callDocker({
    socket,
    method: "POST",
    path: `/images/create?${query}`,
    body: archive,
  });
  // The engine answers 200 before it knows, and puts an error into the stream.
  const error = status === 200 ? /"error":"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] : `${status} ${body}`;
  if (error !== undefined) throw new Error(`${BUSYBOX_IMAGE} could not be imported: ${error}`);
}

async function inspect(socket) {
  const { status, body } = await callDocker({ socket, path: `/images/${BUSYBOX_IMAGE}/json` });
  return status === 200 ? JSON.parse(body) : undefined;
}

/** The same bytes for the same program, so that an image that is there is known again. */
export function busyboxTar(program, applets) {
  const users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/false\n";
  return Buffer.concat([
    ...["bin", "etc", "root", "var", "dev", "proc", "sys"].map((name) =>
      entry({ name: `${name}/`, type: "5", mode: 0o755 }),
    ),
    entry({ name: "tmp/", type: "5", mode: 0o1777 }),
    entry({ name: "etc/passwd", content: Buffer.from(users) }),
    entry({ name: "etc/group", content: Buffer.from("root:x:0:\nnogroup:x:65534:\n") }),
    entry({ name: "bin/busybox", mode: 0o755, content: program }),
    ...applets
      .toSorted()
      .map((name) => entry({ name: `bin/${name}`, type: "2", mode: 0o777, link: "busybox" })),
    Buffer.alloc(2 * BLOCK),
  ]);
}

/** One ustar entry; names up to 100 bytes. */
function entry({ name, type = "0", mode = 0o644, content = Buffer.alloc(0), link = "" }) {
  const head = Buffer.alloc(BLOCK);
  const octal = (value, at, length) => head.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
  head.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  head.write("        ", 148);
  head.write(type, 156);
  head.write(link, 157, 100);
  head.write("ustar\u000000", 257);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([head, content, padding]);
}
