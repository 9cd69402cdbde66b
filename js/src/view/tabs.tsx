/** A row of tabs: arrows move, one tab stop. */
interface Props<K extends string> {
  readonly label: string;
  readonly tabs: readonly { readonly key: K; readonly title: string; readonly hint?: string }[];
  readonly current: K;
  readonly onChoose: (key: K) => void;
}

export function Tabs<K extends string>({ label, tabs, current, onChoose }: Props<K>) {
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const at = tabs.findIndex((tab) => tab.key === current);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    const row = event.currentTarget as HTMLElement;
    if (next) onChoose(next.key);
    requestAnimationFrame(() => row.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="milo-tabs" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
      {tabs.map(({ key, title, hint }) => (
        <button
          key={key}
          type="button"
          class="milo-tab"
          role="tab"
          data-tab={key}
          aria-selected={key === current ? "true" : "false"}
          tabIndex={key === current ? 0 : -1}
          title={hint}
          onClick={() => onChoose(key)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
