// Who is logged in: an API token, kept for this tab only. A token that is refused is forgotten, and where one was is come back to.
import { ref } from "vue";

const KEY = "continuous-delivery-token";

export class Session {
  readonly token = ref(sessionStorage.getItem(KEY) ?? "");
  readonly expired = ref(false);

  /** A token that is being tried; it is nobody's session until the server knew it. */
  candidate = "";

  login(token: string): void {
    this.candidate = "";
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
