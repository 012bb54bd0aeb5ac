// Secrets that log in at a repository: what kinds there are, and the Secret that what somebody wrote makes.
import type { Resource } from "./types";

export const SECRET_KINDS = ["basic", "ssh", "githubApp"] as const;
export type SecretKind = (typeof SECRET_KINDS)[number];

/** The keys of each kind: whether of more than one line, whether they may be left out, whether anybody may see them as they are written. */
export const SECRET_FIELDS: Record<SecretKind, readonly { key: string; isLong?: boolean; isOptional?: boolean; isOpen?: boolean }[]> = {
  basic: [{ key: "username", isOpen: true }, { key: "password" }],
  ssh: [{ key: "ssh-privatekey", isLong: true }, { key: "known_hosts", isLong: true, isOptional: true, isOpen: true }],
  githubApp: [{ key: "github_app_id", isOpen: true }, { key: "github_app_installation_id", isOpen: true }, { key: "github_app_private_key", isLong: true }],
};
const TYPES: Record<SecretKind, string> = { basic: "kubernetes.io/basic-auth", ssh: "kubernetes.io/ssh-auth", githubApp: "Opaque" };

export interface SecretResource extends Resource {
  _type?: string;
  data?: Record<string, null>;
}

/** Which kind a Secret is by its type and keys; undefined for one that logs in nowhere. Helm's are basic or ssh by their keys. */
export function kindOf(secret: SecretResource): SecretKind | undefined {
  const keys = Object.keys(secret.data ?? {});
  const byType = (["basic", "ssh"] as const).find((kind) => TYPES[kind] === secret._type);
  return byType ?? SECRET_KINDS.find((kind) => SECRET_FIELDS[kind].every((field) => field.isOptional || keys.includes(field.key)));
}

export function secretOf(kind: SecretKind, name: string, namespace: string, values: Record<string, string>): object {
  const written = SECRET_FIELDS[kind].map((field) => [field.key, values[field.key] ?? ""] as const).filter(([, value]) => value.trim());
  const metadata = name.trim() ? { name: name.trim(), namespace } : { generateName: "auth-", namespace };
  return { metadata, _type: TYPES[kind], stringData: Object.fromEntries(written) };
}

export function isComplete(kind: SecretKind, values: Record<string, string>): boolean {
  return SECRET_FIELDS[kind].every((field) => field.isOptional || (values[field.key] ?? "").trim() !== "");
}
