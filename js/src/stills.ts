/**
 * The still in the notebook's own model, beside the view: JupyterLab forgets display_ids when a page is loaded again, and
 * passes over what the kernel changes by them from then on.
 *
 * Private API of JupyterLab's widget manager: where it is missing, stills stay as they are.
 */
import type { Model } from "./lanes";
import type { Still } from "./wire";

type Data = Readonly<Record<string, unknown>>;

/** A list of JupyterLab's, as cells and outputs are. */
interface Listed<T> {
  readonly length: number;
  get(index: number): T;
}

/** The part of JupyterLab's notebook that is used here. */
export interface NotebookModel {
  readonly cells: Listed<{ readonly outputs?: Listed<{ readonly data: Data }> & { set(index: number, output: unknown): void } }>;
}

export function keepStill(model: Model, data: Still["bundle"]): void {
  try {
    const cells = model.widget_manager?.context?.model?.cells;
    for (let i = 0; cells && i < cells.length; i++) {
      const { outputs } = cells.get(i);
      let isOurs = false;
      for (let k = 0; outputs && k < outputs.length; k++) {
        const shown = outputs.get(k).data;
        const view = shown["application/vnd.jupyter.widget-view+json"] as Data | undefined;
        const still = shown["text/html"];
        if (view) isOurs = view["model_id"] === model.get("comm_id_");
        else if (isOurs && isStill(still) && isStill(data["text/html"]) && still !== data["text/html"])
          outputs.set(k, { output_type: "display_data", data, metadata: {} });
      }
    }
  } catch {
    // another JupyterLab than those we know
  }
}

const isStill = (html: unknown): boolean => `${html}`.startsWith('<div class="milo-still"');
