import { describe, expect, it } from "vitest";
import { relative } from "../components/core/time";

const NOW = Date.parse("2026-01-01T00:01:00Z");

describe("times", () => {
  it("are told in the largest unit that fits", () => {
    expect(["2026-01-01T00:00:30Z", "2025-12-31T23:01:00Z", "2026-01-03T00:02:00Z"].map((time) => relative(time, NOW))).toEqual(["30 sec. ago", "1 hr. ago", "in 2 days"]);
  });

  it("of just now are never told as the future, for the clock of a page ticks behind", () => {
    expect(["2026-01-01T00:01:00Z", "2026-01-01T00:01:09Z"].map((time) => relative(time, NOW))).toEqual(["0 sec. ago", "0 sec. ago"]);
  });

  it("that are none are not told", () => {
    expect(relative("soon", NOW)).toBe("");
  });
});
