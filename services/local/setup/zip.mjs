import { inflateRawSync } from "node:zlib";

const END_OF_DIRECTORY = 0x06054b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * One file out of a zip archive held in memory; machines need not have unzip. Archives over 4 GiB are not understood.
 * @throws when the archive is damaged or has no such file.
 */
export function readZipEntry(archive, name) {
  for (const entry of directory(archive)) {
    if (entry.name !== name) continue;
    const dataAt = entry.at + 30 + archive.readUInt16LE(entry.at + 26) + archive.readUInt16LE(entry.at + 28);
    const data = archive.subarray(dataAt, dataAt + entry.packedSize);
    if (entry.method === STORED) return data;
    if (entry.method === DEFLATED) return inflateRawSync(data);
    throw new Error(`the archive packs ${name} with method ${entry.method}, which is not understood`);
  }
  throw new Error(`the archive has no ${name}`);
}

function* directory(archive) {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || archive.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error("this is not a zip archive");
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    yield {
      name: archive.toString("utf8", at + 46, at + 46 + nameLength),
      method: archive.readUInt16LE(at + 10),
      packedSize: archive.readUInt32LE(at + 20),
      at: archive.readUInt32LE(at + 42),
    };
    at += 46 + nameLength + extra + comment;
  }
}
