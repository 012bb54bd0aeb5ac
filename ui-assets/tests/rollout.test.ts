import { describe, expect, it } from "vitest";
import { current, isStuck, mark, type Partition, parts } from "../components/core/rollout";

const PARTITIONS: Partition[] = [
  { name: "canary", count: 2, unavailable: 0, maxUnavailable: 0 },
  { name: "eu", count: 10, unavailable: 1, maxUnavailable: 2 },
  { name: "us", count: 10, unavailable: 6, maxUnavailable: 2 },
  { name: "ap", count: 5, unavailable: 5, maxUnavailable: 1 },
];

describe("a rollout", () => {
  it("goes on in the first partition with more unavailable than may be, and those after it wait", () => {
    expect(parts({ partitions: PARTITIONS }).map((part) => part.stage)).toEqual(["done", "within", "now", "waits"]);
    expect(current(parts({ partitions: PARTITIONS }))?.place).toBe(3);
  });

  it("goes on in several where several partitions may be unavailable", () => {
    const both = parts({ partitions: PARTITIONS, maxUnavailablePartitions: 1 });
    expect(both.map((part) => part.stage)).toEqual(["done", "within", "now", "now"]);
  });

  it("is nowhere when all is done, and where the last ones are when they are few enough", () => {
    expect(current(parts({ partitions: PARTITIONS.slice(0, 1) }))).toBeUndefined();
    expect(current(parts({ partitions: PARTITIONS.slice(0, 2) }))?.part.name).toBe("eu");
    expect(parts(undefined)).toEqual([]);
  });

  it("can never go on in a partition of which no cluster may be unavailable", () => {
    const canary = { name: "canary", count: 2, unavailable: 1, maxUnavailable: 0 };
    expect(parts({ partitions: [canary, ...PARTITIONS] }).map(isStuck)).toEqual([true, false, false, false, false]);
    expect(parts({ partitions: PARTITIONS }).map(isStuck)).toEqual([false, false, false, false]);
  });

  it("marks where the next partition may begin", () => {
    expect(parts({ partitions: PARTITIONS }).map(mark)).toEqual([100, 80, 80, 80]);
  });
});
