/** Light or dark? Asked of the page's background, because every host names its themes differently. */
import { type ReadonlySignal, signal } from "@preact/signals";

export type Theme = "light" | "dark";

/** The theme of where `root` stands, and again whenever the host changes it. The number grows with each change. */
export function watchTheme(root: HTMLElement, signalEnd: AbortSignal): ReadonlySignal<number> {
  const changes = signal(0);
  const look = () => {
    root.dataset.theme = themeOf(root);
    changes.value += 1;
  };
  const watching = new MutationObserver(look);
  watching.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-kind"] });
  watching.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    window.matchMedia?.(query).addEventListener("change", look, { signal: signalEnd });
  }
  signalEnd.addEventListener("abort", () => watching.disconnect(), { once: true });
  look();
  return changes;
}

function themeOf(root: HTMLElement): Theme {
  const { body } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  if (/\bvscode-(dark|high-contrast)\b/.test(body.className) && !body.classList.contains("vscode-high-contrast-light")) return "dark";
  for (let element: HTMLElement | null = root.parentElement; element; element = element.parentElement) {
    const [r = 0, g = 0, b = 0, a = 1] = (getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? ["0", "0", "0", "0"]).map(Number);
    if (a > 0.5) return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128 ? "dark" : "light";
  }
  return window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
