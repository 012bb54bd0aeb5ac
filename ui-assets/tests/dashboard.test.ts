import { describe, expect, it } from "vitest";
import { happenings } from "../components/core/lately";
import type { Operation } from "../components/core/operation";
import { ranked } from "../components/core/summary";
import type { ErrorGroup, Resource } from "../components/core/types";

const at = (minute: number): string => `2026-01-01T10:${String(minute).padStart(2, "0")}:00Z`;
const repo = (name: string, ...conditions: object[]): Resource => ({ id: `w/${name}`, kind: "GitRepo", metadata: { name }, status: { conditions } }) as unknown as Resource;

describe("what happened last", () => {
  it("comes from operations, errors and conditions, the newest first", () => {
    const operations = [{ id: "o", kind: "move", by: "ada", created: at(3), total: 2 }] as unknown as Operation[];
    const groups = [{ id: "w/g", since: at(5), clusters: 412, message: "image <n>", example: "image 7", shape: "ab" }] as unknown as ErrorGroup[];
    const objects = [repo("a", { type: "Ready", status: "True", lastTransitionTime: at(4) }), repo("b", { type: "Ready", status: "False", lastUpdateTime: at(6), message: "NotReady(1)" })];
    const found = happenings(operations, groups, objects).map((one) => [one.what, one.id, one.by, one.count]);
    expect(found).toEqual([["notReady", "w/b", "NotReady(1)", 0], ["error", "w/g", "image 7", 412], ["ready", "w/a", "", 0], ["move", "o", "ada", 2]]);
  });

  it("tells of an object that can not go on only that", () => {
    const object = repo("a", { type: "Ready", status: "False", lastTransitionTime: at(1) }, { type: "Stalled", status: "True", lastTransitionTime: at(2), message: "no such branch" });
    expect(happenings([], [], [object]).map((one) => [one.what, one.by])).toEqual([["stalled", "no such branch"]]);
  });

  it("leaves out what has no time, and more than a dozen", () => {
    const objects = Array.from({ length: 30 }, (_, place) => repo(`r${place}`, { type: "Ready", status: "True", lastTransitionTime: place < 20 ? at(place) : "" }));
    const found = happenings([], [], objects);
    expect([found.length, found[0]!.id, found.at(-1)!.id]).toEqual([12, "w/r19", "w/r8"]);
  });
});

describe("states", () => {
  it("are told the worst first, what is unknown before what is well, and none of which there is none", () => {
    const counts = { active: { total: 5 }, mystery: { total: 1 }, errapplied: { total: 2 }, pending: { total: 0 }, notready: { total: 3 } };
    expect(ranked(counts).map((share) => share.name)).toEqual(["errapplied", "notready", "mystery", "active"]);
  });
});
