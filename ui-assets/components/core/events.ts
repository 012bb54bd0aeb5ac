// What changes, as it changes: one stream of `/v1/events` for all pages. EventSource can't send a token, so the stream is read with
// fetch. Invariants: nobody is told more than once a frame, however much changes; after a break the stream goes on where it was, and
// when the server was away or does not remember so far back everybody is told to read again (`resync`).
import { reactive } from "vue";
import { ApiError, type Client } from "./client";

export interface Change {
  kind: "create" | "change" | "remove";
  resourceType: string;
  /** The object, or for deployments their bundle. */
  id: string;
}
export type Listener = (changes: readonly Change[], resync: boolean) => void;

export interface FeedState {
  /** `refused`: the server has no stream left to give, lists are still read. */
  status: "starting" | "live" | "away" | "refused";
  /** How often the stream came back, so that a page can say it did. */
  returns: number;
}

interface Timing {
  frame: (run: () => void) => void;
  wait: (ms: number) => Promise<void>;
  silence: number;
}
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;

const browser: Timing = {
  // A hidden tab draws no frames; it must not collect changes without end.
  frame: (run) => (document.hidden ? setTimeout(run, 1000) : requestAnimationFrame(run)),
  wait: (ms) => new Promise((done) => setTimeout(done, ms)),
  silence: 45_000,
};

export class EventFeed {
  readonly state = reactive<FeedState>({ status: "starting", returns: 0 });
  private readonly listeners = new Set<Listener>();
  private pending: Change[] = [];
  private resync = false;
  private since = "";
  private stopping: AbortController | undefined;
  /** Whether the last stream was begun: one that ends later was ended by a proxy (Kubernetes' own does after a minute), and is no server
   * that is away until it can't be begun again. */
  private isOpen = false;

  constructor(
    private readonly client: Client,
    private readonly timing: Timing = browser,
  ) {}

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start(): void {
    if (this.stopping) return;
    this.stopping = new AbortController();
    void this.follow(this.stopping.signal);
  }

  stop(): void {
    this.stopping?.abort();
    this.stopping = undefined;
  }

  private async follow(stopped: AbortSignal): Promise<void> {
    let wait = FIRST_WAIT;
    while (!stopped.aborted) {
      try {
        await this.read(stopped);
        wait = FIRST_WAIT;
      } catch (problem) {
        if (stopped.aborted || (!this.isOpen && this.failed(problem))) return;
        wait = this.isOpen ? FIRST_WAIT : Math.min(wait * 2, LONGEST_WAIT);
      }
      await this.timing.wait(wait);
    }
  }

  /** Whether there is no use in trying again. */
  private failed(problem: unknown): boolean {
    const status = problem instanceof ApiError ? problem.status : 0;
    if (status === 410) this.forgotten();
    this.state.status = status === 503 ? "refused" : "away";
    return status === 401 || status === 403;
  }

  private forgotten(): void {
    this.since = "";
    this.again();
  }

  private again(): void {
    this.resync = true;
    this.schedule();
  }

  private async read(stopped: AbortSignal): Promise<void> {
    this.isOpen = false;
    const dead = new AbortController();
    const stop = (): void => dead.abort();
    stopped.addEventListener("abort", stop);
    let timer = setTimeout(stop, this.timing.silence);
    try {
      const query = this.since ? { since: this.since } : {};
      const response = await this.client.call("GET", "events", { query, accept: "text/event-stream", signal: dead.signal });
      this.begun();
      const parser = new Blocks((block) => this.take(block));
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(stop, this.timing.silence);
        parser.feed(part.value);
      }
    } finally {
      clearTimeout(timer);
      stopped.removeEventListener("abort", stop);
    }
  }

  private begun(): void {
    this.isOpen = true;
    const isBack = this.state.status === "away";
    if (isBack) this.state.returns += 1;
    // What changed after something was read and before the stream began is told by nobody; and what was asked for while nobody answered
    // is still to be read.
    if (isBack || (!this.since && (this.state.status !== "starting" || this.listeners.size))) this.again();
    this.state.status = "live";
  }

  private take(block: Block): void {
    if (block.id) this.since = block.id;
    if (block.event === "gone") return this.forgotten();
    const kind = block.event.replace("resource.", "") as Change["kind"];
    if (!block.data || !["create", "change", "remove"].includes(kind)) return;
    const data = JSON.parse(block.data) as { resourceType: string; id?: string; bundle?: string };
    this.pending.push({ kind, resourceType: data.resourceType, id: data.id ?? data.bundle ?? "" });
    if (this.pending.length === 1) this.schedule();
  }

  private schedule(): void {
    this.timing.frame(() => {
      const [changes, resync] = [this.pending, this.resync];
      this.pending = [];
      this.resync = false;
      if (changes.length || resync) this.listeners.forEach((listener) => listener(changes, resync));
    });
  }
}

export interface Block {
  id: string;
  event: string;
  data: string;
}

/** Server-sent events out of pieces of text, however they are cut. */
export class Blocks {
  private rest = "";
  constructor(private readonly found: (block: Block) => void) {}

  feed(text: string): void {
    const parts = (this.rest + text.replace(/\r\n/g, "\n")).split("\n\n");
    this.rest = parts.pop() ?? "";
    for (const part of parts) {
      const block: Block = { id: "", event: "message", data: "" };
      for (const line of part.split("\n")) {
        const [, name, value] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
        if (name) block[name as keyof Block] = name === "data" && block.data ? `${block.data}\n${value}` : (value ?? "");
      }
      this.found(block);
    }
  }
}
