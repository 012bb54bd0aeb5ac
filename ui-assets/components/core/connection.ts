// How far one gets to a repository, as `/v1/connections` tells it.

export interface Step {
  hop: string;
  state: "passed" | "failed" | "untried";
  message: string;
  hint: string;
}
export interface FoundPath {
  path: string;
  holds: string;
}
export interface ConnectionReport {
  repo: string;
  works: boolean;
  steps: Step[];
  proxy: string;
  defaultBranch: string;
  branches: string[];
  moreBranches: number;
  tags: string[];
  moreTags: number;
  commit: string;
  paths: FoundPath[];
  morePaths: number;
}
