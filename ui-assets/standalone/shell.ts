import type { InjectionKey } from "vue";
import type { Session } from "./session";

export const SESSION: InjectionKey<Session> = Symbol("session");
