import assert from "node:assert/strict";
import { freeSubnet, overlap, parseRoutes } from "#setup/bridge.mjs";
import { givingBackScript, removalScript } from "#setup/firewall.mjs";

const BRIDGE = "em-1";
const SUBNET = "172.28.16.0/20";
const place = { table: "filter", bridge: BRIDGE, subnet: SUBNET };

describe("engine: its private network", () => {
  it("takes the first free one from its seed on, and goes round", () => {
    assert.equal(freeSubnet([], 0), "172.28.0.0/20");
    assert.equal(freeSubnet([], 1), "172.28.16.0/20");
    assert.equal(freeSubnet(["172.28.17.0/24"], 1), "172.28.32.0/20");
    // 4 blocks of 16: seed 63 is the last, and what follows it is the first
    assert.equal(freeSubnet(["10.214.240.9/32"], 63), "172.28.0.0/20");
  });

  it("says so when all is taken", () => {
    assert.equal(freeSubnet(["172.16.0.0/12", "10.0.0.0/8"], 5), undefined);
  });

  it("sees ranges that share addresses, whichever is larger", () => {
    assert.ok(overlap("10.0.0.0/8", "10.213.4.0/24"));
    assert.ok(overlap("10.213.4.7/32", "10.213.0.0/20"));
    assert.ok(!overlap("10.213.16.0/20", "10.213.0.0/20"));
  });

  it("reads the kernel's routes and leaves out the default one", () => {
    const text = [
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
      "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
      "br0\t00101CAC\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0",
    ].join("\n");
    assert.deepEqual(parseRoutes(text), ["192.0.2.0/24", "172.28.16.0/20"]);
  });
});

describe("engine: packet filter rules", () => {
  const shared = [
    ":DOCKER - [0:0]",
    ":DOCKER-USER - [0:0]",
    ":DOCKER-ISOLATION-STAGE-1 - [0:0]",
    ":DOCKER-ISOLATION-STAGE-2 - [0:0]",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
    "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
    "-A DOCKER-ISOLATION-STAGE-2 -j RETURN",
    "-A DOCKER-USER -j RETURN",
  ];
  const ours = [
    `-A FORWARD -o ${BRIDGE} -j DOCKER`,
    `-A DOCKER-ISOLATION-STAGE-1 -i ${BRIDGE} ! -o ${BRIDGE} -j DOCKER-ISOLATION-STAGE-2`,
    "-A POSTROUTING -s 172.28.16.2/32 -d 172.28.16.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
  ];
  const others = [
    "-A FORWARD -o docker0 -j DOCKER",
    "-A DOCKER -d 172.17.0.2/32 -o docker0 -p tcp -j ACCEPT",
  ];

  it("of the last engine go with the shared chains", () => {
    const script = removalScript([...shared, ...ours].join("\n"), { ...place, isLast: true });
    assert.deepEqual(script.split("\n"), [
      "*filter",
      ...ours.map((rule) => rule.replace("-A", "-D")),
      "-D FORWARD -j DOCKER-USER",
      "-D FORWARD -j DOCKER-ISOLATION-STAGE-1",
      "-F DOCKER",
      "-F DOCKER-USER",
      "-F DOCKER-ISOLATION-STAGE-1",
      "-F DOCKER-ISOLATION-STAGE-2",
      "-X DOCKER",
      "-X DOCKER-USER",
      "-X DOCKER-ISOLATION-STAGE-1",
      "-X DOCKER-ISOLATION-STAGE-2",
      "COMMIT",
      "",
    ]);
  });

  it("of another engine stay, and so do the chains", () => {
    const script = removalScript([...shared, ...others, ...ours].join("\n"), { ...place, isLast: false });
    assert.deepEqual(script.split("\n"), [
      "*filter",
      ...ours.map((rule) => rule.replace("-A", "-D")),
      "COMMIT",
      "",
    ]);
  });

  it("that an administrator has put into a shared chain keep all of them", () => {
    const rule = "-A DOCKER-USER -s 10.9.0.0/16 -j DROP";
    const script = removalScript([...shared, rule].join("\n"), { ...place, isLast: true });
    assert.equal(script, "");
  });

  it("of others that an engine's start has swept away are given back in their order", () => {
    const before = [...shared, "-A DOCKER -i docker0 -j RETURN", ...others, ...ours].join("\n");
    const now = [...shared, "-A FORWARD -o docker0 -j DOCKER"].join("\n");
    assert.equal(
      givingBackScript(before, `\n${now}`, place),
      `*filter\n-I ${others[1]?.slice(3)}\n-I DOCKER -i docker0 -j RETURN\nCOMMIT\n`,
    );
    assert.equal(givingBackScript(before, before, place), "");
  });
});
