import { describe, expect, it } from "vitest";
import { commitIn, type HappenedEvent, toneOf } from "../components/core/history";

const SHA1 = "0123456789abcdef0123456789abcdef01234567";
const SHA256 = SHA1 + SHA1.slice(0, 24);

describe("what happened to an object", () => {
  it.each([
    ["a commit alone", SHA1, SHA1],
    ["a commit in a sentence", `resources, by commit ${SHA1}`, SHA1],
    ["one of SHA-256", SHA256, SHA256],
    ["a hash of another length", `${SHA1}ab`, ""],
    ["a version", "1.2.3", ""],
    ["nothing", undefined, ""],
  ])("has a commit to copy in %s, or none", (_, message, commit) => expect(commitIn(message)).toBe(commit));

  it.each([
    ["Warning", "Ready", "bad"],
    ["Normal", "Ready", "good"],
    ["Normal", "Resolved", "good"],
    ["Normal", "NotReady", "none"],
    ["Normal", "Paused", "none"],
  ] as const)("%s %s looks %s", (_type, reason, expected) => {
    expect(toneOf({ _type, reason } as HappenedEvent)).toBe(expected);
  });
});
