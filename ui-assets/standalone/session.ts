// Who is logged in: an API token, kept for this tab only. A token that is refused is forgotten, and where one was is come back to.
import { ref } from "vue";
import { type Client, pathOf } from "../components/core/client";

const KEY = "continuous-delivery-token";

export class Session {
  readonly token = ref(sessionStorage.getItem(KEY) ?? "");
  readonly expired = ref(false);

  /** A token that is being tried; it is nobody's session until the server knew it. */
  candidate = "";
  /** Whose the token is, or was that is refused by now; empty while that is not known. */
  user = "";

  login(token: string, user: string): void {
    this.candidate = "";
    this.user = user;
    this.token.value = token;
    this.expired.value = false;
    sessionStorage.setItem(KEY, token);
  }

  logout(expired = false): void {
    this.candidate = "";
    this.expired.value = expired && this.token.value !== "";
    this.token.value = "";
    sessionStorage.removeItem(KEY);
  }

  credentials(): Record<string, string> {
    const token = this.candidate || this.token.value;
    return token ? { Authorization: `Bearer ${token}` } : {};
  }
}

/** Whose a token is: a new one of the same name with the same roles is the same user's, since a name alone is anybody's. Raises ApiError. */
export async function readUser(client: Client, token: string): Promise<string> {
  const { name, roles } = await client.get<{ name: string; roles: Record<string, string> }>(pathOf("tokens", token.split(":")[0]!));
  return JSON.stringify([name, Object.entries(roles).sort()]);
}
