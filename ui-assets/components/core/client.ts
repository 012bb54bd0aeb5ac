// The one way to the API. Who calls and where it lies is handed in, so the same pages work with a token at `/` and with
// Rancher's session behind its proxies. Invariant: a failed call always throws an ApiError that can be shown as it is.

export interface ClientOptions {
  /** What comes before `/v1`, without a slash at its end. */
  base: string;
  /** Headers that say who calls: a bearer token, or Rancher's CSRF header. */
  credentials: () => Record<string, string>;
  /** Called when the caller is not known any more. */
  onUnauthorized?: () => void;
  /** Called when a call found nobody to answer, and when one did again. */
  onReach?: (reached: boolean) => void;
  fetch?: typeof fetch;
}

export interface CallOptions {
  query?: Query;
  body?: unknown;
  type?: string;
  accept?: string;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
}
export type Query = Record<string, string | number | readonly string[] | undefined>;

/** An error of the API: what, where and the next step are the API's own words. Status 0: nobody answered. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fieldName = "",
    readonly detail = "",
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export const MERGE_PATCH = "application/merge-patch+json";
/** Asks only to be told: by a name that also Kubernetes' service proxy lets pass. */
export const DRY_RUN = { "dry-run": "All" } as const;
const JSON_TYPE = "application/json";
export const YAML_TYPE = "application/yaml";

export class Client {
  private readonly options: ClientOptions;
  private readonly send: typeof fetch;

  constructor(options: ClientOptions) {
    this.options = options;
    this.send = options.fetch ?? ((...args) => fetch(...args));
  }

  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
    return this.json<T>("GET", path, { ...(query ? { query } : {}), signal });
  }

  post<T>(path: string, body?: unknown, query?: Query): Promise<T> {
    return this.json<T>("POST", path, { body, ...(query ? { query } : {}) });
  }

  /** A merge patch; `version` is the resourceVersion that it was made from, so that nobody else's change is lost. */
  patch<T>(path: string, body: unknown, version?: string, query?: Query): Promise<T> {
    const headers: Record<string, string> = version ? { "If-Match": `"${version}"` } : {};
    return this.json<T>("PATCH", path, { body, type: MERGE_PATCH, headers, ...(query ? { query } : {}) });
  }

  remove<T>(path: string, query?: Query): Promise<T> {
    return this.json<T>("DELETE", path, query ? { query } : {});
  }

  async json<T>(method: string, path: string, options: CallOptions): Promise<T> {
    return (await this.call(method, path, options)).json() as Promise<T>;
  }

  async text(method: string, path: string, options: CallOptions): Promise<string> {
    return (await this.call(method, path, options)).text();
  }

  /** The answer to a call that went well. Raises ApiError. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const response = await this.reach(method, path, options);
    if (response.ok) return response;
    if (response.status === 401) this.options.onUnauthorized?.();
    throw await told(response);
  }

  private async reach(method: string, path: string, options: CallOptions): Promise<Response> {
    const headers = { Accept: options.accept ?? JSON_TYPE, ...this.options.credentials(), ...options.headers };
    const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
    if (options.signal) init.signal = options.signal;
    if (options.body !== undefined) {
      const type = options.type ?? JSON_TYPE;
      init.body = type === YAML_TYPE ? String(options.body) : JSON.stringify(options.body);
      init.headers = { ...headers, "Content-Type": type };
    }
    try {
      const response = await this.send(this.url(path, options.query), init);
      this.options.onReach?.(true);
      return response;
    } catch (problem) {
      if (options.signal?.aborted) throw problem;
      this.options.onReach?.(false);
      throw new ApiError(0, "Unreachable", "");
    }
  }

  url(path: string, query: Query = {}): string {
    const pairs = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (Array.isArray(value)) value.forEach((one: string) => pairs.append(name, one));
      else if (value !== undefined && value !== "") pairs.append(name, String(value));
    }
    const text = pairs.toString();
    return `${this.options.base}/v1${path && `/${path}`}${text && `?${text}`}`;
  }
}

async function told(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as Partial<ApiError>;
  return new ApiError(response.status, body.code ?? "", body.message ?? response.statusText, body.fieldName, body.detail);
}

/** The path of one object below `/v1`. Names come from users, so each part is encoded. */
export function pathOf(plural: string, id: string, ...more: string[]): string {
  return [plural, ...id.split("/"), ...more].map(encodeURIComponent).join("/");
}
