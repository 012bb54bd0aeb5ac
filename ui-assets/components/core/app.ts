// What every page is given: nothing here is global, so two entries (or two tests) can each have their own.
import { inject, type InjectionKey, reactive } from "vue";
import type { ApiError, Client } from "./client";
import type { EventFeed } from "./events";
import type { Translate } from "./l10n";
import type { Navigation, Place } from "./nav";

export interface Notice {
  id: number;
  kind: "success" | "error" | "info";
  text: string;
  detail?: string;
  /** Where there is more about it. */
  to?: Place;
}

/** What the caller may see at all, by the plural of a type or the name of a place such as `tokens`; from `/v1` and `/v1/schemas`. */
export interface Rights {
  known: boolean;
  create: Set<string>;
  list: Set<string>;
}

export interface App {
  client: Client;
  events: EventFeed;
  nav: Navigation;
  t: Translate;
  rights: Rights;
  notices: Notices;
  /** Who looks, told apart from all others; empty while that is not known. */
  user: () => string;
}

export const APP: InjectionKey<App> = Symbol("continuous-delivery");

export function useApp(): App {
  const app = inject(APP);
  if (!app) throw new Error("a page of Continuous Delivery stands outside of its app");
  return app;
}

export class Notices {
  readonly shown = reactive<Notice[]>([]);
  private last = 0;

  say(kind: Notice["kind"], text: string, detail = "", to?: Place): void {
    this.shown.push({ id: ++this.last, kind, text, detail, ...(to ? { to } : {}) });
    if (this.shown.length > 4) this.shown.shift();
  }

  close(id: number): void {
    const place = this.shown.findIndex((notice) => notice.id === id);
    if (place >= 0) this.shown.splice(place, 1);
  }
}

/** An error in words: the API's own, and for what the API could not say, ours. */
export function inWords(error: ApiError, t: Translate): { text: string; detail: string } {
  const known = ({ 0: "error.away", 401: "error.unauthorized" } as Record<number, string>)[error.status];
  return { text: known ? t(known) : error.message || t("error.unknown", { status: error.status }), detail: error.detail };
}

export async function readRights(client: Client, rights: Rights): Promise<void> {
  const [schemas, root] = await Promise.all([
    client.get<{ data: { pluralName: string; collectionMethods: string[] }[] }>("schemas"),
    client.get<{ data: { links: Record<string, string> }[] }>(""),
  ]);
  rights.list = new Set(Object.keys(root.data[0]?.links ?? {}));
  rights.create = new Set(schemas.data.filter((schema) => schema.collectionMethods.includes("POST")).map((schema) => schema.pluralName));
  rights.known = true;
}
