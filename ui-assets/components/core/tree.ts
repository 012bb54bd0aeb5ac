// What was put on clusters as a tree that folds: made once from the rows, walked only where it is open. Pure, so ten thousand
// rows are tried in a test.
import { tone } from "./states";
import type { DeployedResource } from "./types";

export interface Node {
  id: string;
  label: string;
  kind: "bundle" | "cluster" | "kind" | "resource";
  /** Of a branch, the worst of what is in it. */
  state: string;
  message: string;
  /** Objects in it. */
  count: number;
  children: Node[];
  row?: DeployedResource;
}

export interface Line {
  node: Node;
  depth: number;
  isOpen: boolean;
}
export type Level = "bundle" | "cluster" | "kind";
export const GROUPINGS: Record<string, Level[]> = { bundle: ["bundle", "cluster"], cluster: ["cluster", "bundle"], kind: ["kind", "cluster"] };

const RANK = { bad: 4, going: 3, held: 2, none: 1, good: 0 } as const;

export function build(rows: readonly DeployedResource[], levels: readonly Level[]): Node[] {
  const roots: Node[] = [];
  const known = new Map<string, Node>();
  for (const row of rows) {
    let children = roots;
    let id = "";
    for (const level of levels) {
      id += `${level}:${row[level]}|`;
      let node = known.get(id);
      if (!node) {
        node = { id, label: row[level], kind: level, state: row.state, message: "", count: 0, children: [] };
        known.set(id, node);
        children.push(node);
      }
      node.count += 1;
      if (rank(row.state) > rank(node.state)) node.state = row.state;
      children = node.children;
    }
    children.push(leaf(row, id));
  }
  return sorted(roots);
}

function leaf(row: DeployedResource, above: string): Node {
  const id = `${above}${row.bundleDeployment}|${row.apiVersion}|${row.kind}|${row.id}`;
  return { id, label: `${row.kind} ${row.id}`, kind: "resource", state: row.state, message: row.message ?? "", count: 1, children: [], row };
}

function rank(state: string): number {
  return RANK[tone(state)];
}

/** What is wrong comes first; then by name. */
function sorted(nodes: Node[]): Node[] {
  nodes.sort((a, b) => rank(b.state) - rank(a.state) || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
  nodes.forEach((node) => sorted(node.children));
  return nodes;
}

/** The lines that are seen: what is open; with a search, what matches, all above it and all below it that is open. */
export function lines(roots: readonly Node[], open: ReadonlySet<string>, search = ""): Line[] {
  const wanted = search.trim().toLowerCase();
  const found = wanted ? matching(roots, wanted) : undefined;
  const seen: Line[] = [];
  const walk = (nodes: readonly Node[], depth: number, isInside: boolean): void => {
    for (const node of nodes) {
      const isMatch = isInside || !found || found.get(node) === "self";
      if (!isMatch && !found?.has(node)) continue;
      const isOpen = open.has(node.id) || (found?.get(node) === "above" && !isInside);
      seen.push({ node, depth, isOpen });
      if (isOpen) walk(node.children, depth + 1, isMatch && found !== undefined);
    }
  };
  walk(roots, 0, false);
  return seen;
}

function matching(roots: readonly Node[], wanted: string): Map<Node, "self" | "above"> {
  const found = new Map<Node, "self" | "above">();
  const look = (node: Node): boolean => {
    const below = node.children.map(look).some(Boolean);
    const isMatch = node.label.toLowerCase().includes(wanted) || node.message.toLowerCase().includes(wanted);
    if (below) found.set(node, "above");
    else if (isMatch) found.set(node, "self");
    return below || isMatch;
  };
  roots.forEach(look);
  return found;
}
