// Where one is and how one gets elsewhere, without saying by whose router: the standalone pages bring their own, Rancher has one
// already. `current` is reactive.

export interface Place {
  name: string;
  params?: Record<string, string>;
  query?: Record<string, string | undefined>;
}

export interface Here {
  name: string;
  params: Record<string, string>;
  query: Record<string, string>;
}

export interface Navigation {
  readonly current: Here;
  href(place: Place): string;
  go(place: Place): void;
  replace(place: Place): void;
}

/** The workspace of URLs in which all workspaces are shown; no workspace can have this name. */
export const ALL = "_";
