// A list as the server has it: paged, filtered, sorted and searched there, its state in the URL so that every view of it is a link.
// Invariants: what is shown was one answer of the server, never a filtered part of one; an answer that is overtaken by a newer
// question is thrown away; however much changes, the list is read again at most once a second.
import { computed, type ComputedRef, reactive, ref, type Ref, shallowRef } from "vue";
import { useApp } from "./app";
import { ApiError, type Query } from "./client";
import { ofTypes, useReading } from "./reading";
import type { Collection, Resource } from "./types";

type Filters = Record<string, (value: string) => Query>;
export interface ListOptions {
  /** Below `/v1`. */
  path: () => string;
  /** What the page asks for besides what is in the URL. */
  query?: () => Query;
  /** Types whose changes concern the list. */
  types: readonly string[];
  /** Told apart from other lists of the same page by this prefix in the URL. */
  key?: string;
  pageSize?: number;
  /** Names in the URL of what else narrows the list, and the query that each makes. */
  filters?: Filters;
  /** The field that the search looks into. */
  searched?: string;
  /** Lists that have no search and no order of their own take neither. */
  plain?: boolean;
  /** The collection comes whole: it has no pages and takes nothing. */
  whole?: boolean;
  enabled?: () => boolean;
}

export interface List<R = Resource> {
  rows: Ref<R[]>;
  count: Ref<number>;
  loading: Ref<boolean>;
  loaded: Ref<boolean>;
  error: Ref<ApiError | null>;
  page: ComputedRef<number>;
  size: number;
  hasNext: ComputedRef<boolean>;
  search: ComputedRef<string>;
  sort: ComputedRef<string>;
  mayCreate: ComputedRef<boolean>;
  actions: ComputedRef<Record<string, string>>;
  narrowed: ComputedRef<boolean>;
  filter(name: string): string;
  setFilter(name: string, value: string): void;
  setSearch(text: string): void;
  sortBy(path: string): void;
  next(): void;
  first(): void;
  previous(): void;
  refresh(): void;
}

export const BY_STATE: Filters = { state: (name) => ({ filter: `metadata.state.name=${name}` }) };
export const BY_LABELS: Filters = { labels: (text) => ({ labelSelector: text }) };
const PAGE_SIZE = 50;

export function useList<R = Resource>(options: ListOptions): List<R> {
  const { client, nav } = useApp();
  const key = options.key ? `${options.key}.` : "";
  const size = options.pageSize ?? PAGE_SIZE;
  const body = shallowRef<Collection<R>>();
  const loading = ref(false);
  const before = reactive<string[]>([]);
  const asked = (name: string): string => nav.current.query[key + name] ?? "";
  const put = (values: Record<string, string>, push = false): void => {
    const query = { ...nav.current.query, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [key + name, value])) };
    const kept = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ""));
    nav[push ? "go" : "replace"]({ name: nav.current.name, params: nav.current.params, query: kept });
  };
  const narrow = (values: Record<string, string>): void => put({ ...values, after: "", page: "" });
  const question = computed(() => {
    if (options.enabled && !options.enabled()) return null;
    return { path: options.path(), query: questionOf(options, size, asked) };
  });

  const { run, error } = useReading(async (signal) => {
    const wanted = question.value;
    if (!wanted) return;
    loading.value = true;
    try {
      body.value = await client.get<Collection<R>>(wanted.path, wanted.query, signal);
    } catch (problem) {
      if (!(problem instanceof ApiError && problem.status === 422 && asked("after"))) throw problem;
      narrow({}); // that page is none any more
    } finally {
      if (!signal.aborted) loading.value = false;
    }
  }, { question: () => question.value, concerns: ofTypes(options.types) });

  const page = computed(() => Number(asked("page")) || 1);
  return {
    rows: computed(() => body.value?.data ?? []) as Ref<R[]>,
    count: computed(() => body.value?.count ?? 0),
    loaded: computed(() => body.value !== undefined),
    loading,
    error,
    page,
    size,
    hasNext: computed(() => Boolean(body.value?.continue)),
    search: computed(() => asked("q")),
    sort: computed(() => asked("sort")),
    mayCreate: computed(() => Boolean(body.value?.createTypes)),
    actions: computed(() => body.value?.actions ?? {}),
    narrowed: computed(() => ["q", ...Object.keys(options.filters ?? {})].some((name) => asked(name) !== "")),
    filter: asked,
    setFilter: (name, value) => narrow({ [name]: value }),
    setSearch: (text) => narrow({ q: text }),
    sortBy: (path) => narrow({ sort: asked("sort") === path ? `-${path}` : path }),
    next: () => {
      before.push(asked("after"));
      put({ after: body.value?.continue ?? "", page: String(page.value + 1) }, true);
    },
    first: () => narrow({}),
    previous: () => {
      const place = page.value > 2 ? before.pop() : "";
      put({ after: place ?? "", page: place ? String(page.value - 1) : "" }, true);
    },
    refresh: run,
  };
}

function questionOf(options: ListOptions, size: number, asked: (name: string) => string): Query {
  if (options.whole) return options.query?.() ?? {};
  const query: Record<string, string | number | readonly string[] | undefined> = { limit: size, continue: asked("after") };
  const filters: string[] = [];
  const add = (more: Query): void => {
    for (const [name, value] of Object.entries(more)) {
      if (name === "filter") filters.push(...(Array.isArray(value) ? value : [String(value)]));
      else query[name] = value;
    }
  };
  add(options.query?.() ?? {});
  for (const [name, made] of Object.entries(options.filters ?? {})) if (asked(name)) add(made(asked(name)));
  if (!options.plain) {
    if (asked("q")) add({ filter: contains(options.searched ?? "metadata.name", asked("q")) });
    if (asked("sort")) query["sort"] = asked("sort");
  }
  if (filters.length) query["filter"] = filters;
  return query;
}

/** A filter for what contains this text, whatever is in it. */
export function contains(field: string, text: string): string {
  return `${field}~${quoted(text)}`;
}

export function quoted(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text;
  return text.includes('"') ? `'${text.replace(/'/g, "")}'` : `"${text}"`;
}
