/** One phase as an element of the graph. Elements are pooled: the same one shows different phases as the graph moves. */
import type { Phase } from "../wire";
import { phaseLabel, phaseSummary } from "./format";
import { SHAPES } from "./icons";

export const NODE_WIDTH = 172;
export const NODE_HEIGHT = 50;

const SVG = "http://www.w3.org/2000/svg";

export class GraphNode {
  readonly element = document.createElement("div");
  readonly #disc = svgPath("milo-icon-disc");
  readonly #line = svgPath("milo-icon-line");
  readonly #glyph = svgPath("milo-icon-glyph");
  readonly #icon = document.createElementNS(SVG, "svg");
  readonly #name = span("milo-node-name");
  readonly #meta = span("milo-node-meta");
  readonly #bar = span("milo-node-bar");
  #shown: Phase | null = null;

  constructor() {
    this.#icon.setAttribute("viewBox", "0 0 16 16");
    this.#icon.setAttribute("class", "milo-icon");
    this.#icon.setAttribute("aria-hidden", "true");
    this.#icon.append(this.#line, this.#disc, this.#glyph);
    const text = span("milo-node-text");
    text.append(this.#name, this.#meta);
    this.element.className = "milo-node";
    this.element.setAttribute("role", "option");
    this.element.append(this.#icon, text, this.#bar);
  }

  /** Shows phase `index` of `phases`, its centre at (x, y). */
  show(id: string, index: number, phases: readonly Phase[], x: number, y: number, elapsed: number): void {
    const phase = phases[index];
    if (!phase) return;
    const { element } = this;
    element.id = id;
    element.dataset.index = String(index);
    element.style.left = `${x - NODE_WIDTH / 2}px`;
    element.style.top = `${y - NODE_HEIGHT / 2}px`;
    element.setAttribute("aria-setsize", String(phases.length));
    element.setAttribute("aria-posinset", String(index + 1));
    this.update(index, phases, elapsed);
  }

  update(index: number, phases: readonly Phase[], elapsed: number): void {
    const phase = phases[index];
    if (!phase) return;
    const { element } = this;
    if (phase !== this.#shown) {
      const { disc = "", line = "", glyph = "" } = SHAPES[phase.status];
      element.dataset.phase = phase.name;
      element.dataset.status = phase.status;
      this.#icon.setAttribute("data-status", phase.status);
      this.#disc.setAttribute("d", disc);
      this.#line.setAttribute("d", line);
      this.#glyph.setAttribute("d", glyph);
      this.#name.textContent = phase.name;
      element.title = [phase.name, phase.description, phase.message, phase.error].filter(Boolean).join("\n");
      this.#bar.hidden = phase.status !== "running" || phase.fraction <= 0;
      this.#bar.style.setProperty("--milo-fraction", String(Math.min(1, phase.fraction)));
    }
    this.tick(phase, phases, elapsed, phase !== this.#shown);
    this.#shown = phase;
  }

  /** The time goes on. */
  tick(phase: Phase, phases: readonly Phase[], elapsed: number, force = false): void {
    const summary = phaseSummary(phase, elapsed);
    if (!force && summary === this.#meta.textContent) return;
    this.#meta.textContent = summary;
    if (force) this.element.setAttribute("aria-label", phaseLabel(phase, phases, elapsed));
  }

  select(selected: boolean): void {
    this.element.setAttribute("aria-selected", String(selected));
  }
}

function svgPath(name: string): SVGPathElement {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", name);
  return path;
}

function span(name: string): HTMLSpanElement {
  const element = document.createElement("span");
  element.className = name;
  return element;
}
