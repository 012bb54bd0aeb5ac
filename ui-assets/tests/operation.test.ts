import { describe, expect, it } from "vitest";
import { type Operation, type OperationItem, ordered, whereIs } from "../components/core/operation";

function item(id: string, state: string, workspace = ""): OperationItem {
  return { id, state, message: "", ...(workspace ? { workspace } : {}) };
}
const MOVE: Operation = { id: "operation-1", links: {}, actions: {}, kind: "move", objects: "fleet.cattle.io.clusters", by: "me", total: 1 };

describe("an operation's objects", () => {
  it("are told with what failed first and what is done last", () => {
    const items = [item("w/a", "done"), item("w/b", "updating"), item("w/c", "failed"), item("w/d", "gone"), item("w/e", "done")];
    expect(ordered(items).map((one) => one.id)).toEqual(["w/c", "w/d", "w/b", "w/a", "w/e"]);
  });

  it("are found where a move took them, and where they were when it did not", () => {
    expect(whereIs(MOVE, item("old/a", "arriving", "new"))).toEqual({ page: "cluster", id: "new/a" });
    expect(whereIs(MOVE, item("old/a", "failed", "new")).id).toBe("old/a");
    expect(whereIs(MOVE, item("old/a", "reverted", "new")).id).toBe("old/a");
    expect(whereIs({ ...MOVE, kind: "forceUpdate", objects: "fleet.cattle.io.gitrepos" }, item("old/a", "done"))).toEqual({ page: "gitrepo", id: "old/a" });
  });
});
