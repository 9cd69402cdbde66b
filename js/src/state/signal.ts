/**
 * Values that tell who looked at them when they change: the few lines of signals that this view needs.
 *
 * Whoever reads `.value` inside an `effect` runs again after it changed; changes within one turn are told once.
 */
export interface ReadonlySignal<T> {
  readonly value: T;
  /** Reads without being told of changes. */
  peek(): T;
}

interface Watcher {
  readonly notice: () => void;
  readonly seen: Set<Set<Watcher>>;
}

let watching: Watcher | null = null;

export class Signal<T> implements ReadonlySignal<T> {
  readonly #watchers = new Set<Watcher>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    if (watching) {
      this.#watchers.add(watching);
      watching.seen.add(this.#watchers);
    }
    return this.#value;
  }

  set value(next: T) {
    if (next === this.#value) return;
    this.#value = next;
    for (const watcher of this.#watchers) watcher.notice();
  }

  peek(): T {
    return this.#value;
  }
}

/** Runs `look` now, and again after anything it read has changed, until the signal aborts. */
export function effect(look: () => void, ending: AbortSignal): void {
  let isDue = false;
  const watcher: Watcher = {
    notice() {
      if (isDue) return;
      isDue = true;
      queueMicrotask(run);
    },
    seen: new Set(),
  };
  function run() {
    isDue = false;
    for (const watchers of watcher.seen) watchers.delete(watcher);
    watcher.seen.clear();
    if (ending.aborted) return;
    const outer = watching;
    watching = watcher;
    try {
      look();
    } finally {
      watching = outer;
    }
  }
  ending.addEventListener("abort", run, { once: true });
  run();
}
