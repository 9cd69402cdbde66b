/**
 * The widget as anywidget loads it. The factory is called once per model: `initialize` opens the host, with the one
 * store of the model, and every `render` shows it in one more place, with a selection of its own.
 */
import { type Model, openHost } from "./host";
import { openView } from "./state/own";
import type { Port } from "./state/store";
import { showApp } from "./view/app";
import "./styles.css";
import "./styles/header.css";
import "./styles/graph.css";

interface InitializeProps {
  readonly model: Model;
  readonly signal?: AbortSignal;
}

interface RenderProps extends InitializeProps {
  readonly el: HTMLElement;
}

/** Ends with the host's signal, where there is one, and by the returned clean-up. */
function lifetime(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  signal?.addEventListener("abort", () => controller.abort(), { once: true, signal: controller.signal });
  if (signal?.aborted) controller.abort();
  return controller;
}

export default function widget() {
  let port: Port | null = null;

  function initialize({ model, signal }: InitializeProps): () => void {
    const ending = lifetime(signal);
    const opened = openHost(model, ending.signal);
    port = opened;
    return () => {
      ending.abort();
      if (port === opened) port = null; // a hot reload has put a new one there already
    };
  }

  function render({ model, el, signal }: RenderProps): () => void {
    const ending = lifetime(signal);
    // Hosts older than anywidget 0.9 render without initializing: then the first view owns the host.
    port ??= openHost(model, ending.signal);
    showApp(el, openView(port, ending.signal), ending.signal);
    return () => ending.abort();
  }

  return { initialize, render };
}
