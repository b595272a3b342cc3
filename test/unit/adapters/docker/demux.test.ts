import assert from "node:assert/strict";
import fc from "fast-check";
import { Demux, Skip } from "#libs/adapters/docker/demux.js";

const frame = (stream: number, text: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

const text = (pieces: readonly Uint8Array[]): string => Buffer.concat(pieces).toString("latin1");

describe("the engine's log stream", () => {
  it("comes apart into its two streams, wherever chunks end", () => {
    const frames = fc.array(
      fc.record({ stream: fc.constantFrom(1, 2), words: fc.stringMatching(/^[a-z\n]{0,40}$/) }),
    );
    fc.assert(
      fc.property(frames, fc.array(fc.nat(30)), (sent, cuts) => {
        const demux = new Demux();
        const [stdout, stderr]: Uint8Array[][] = [[], []];
        let rest = Buffer.concat(sent.map(({ stream, words }) => frame(stream, words)));
        for (const cut of [...cuts, rest.length]) {
          const pieces = demux.take(rest.subarray(0, cut));
          stdout!.push(...pieces.stdout);
          stderr!.push(...pieces.stderr);
          rest = rest.subarray(cut);
        }
        const said = (stream: number) =>
          sent.flatMap((each) => (each.stream === stream ? [each.words] : [])).join("");
        assert.deepEqual([text(stdout!), text(stderr!)], [said(1), said(2)]);
      }),
    );
  });

  it("is refused when it is none", () => {
    assert.throws(() => new Demux().take(Buffer.from("plain text")), /expected stream 1 or 2, found 112/);
  });

  it("goes on behind what is there already", () => {
    const skip = new Skip(5);
    const taken = ["abc", "", "defg", "hi"].map((each) => text(skip.take([Buffer.from(each)])));
    assert.deepEqual(taken, ["", "", "fg", "hi"]);
  });
});
