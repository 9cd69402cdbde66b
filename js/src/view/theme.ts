/** Light or dark? Every host says it in its own way. */
import { type ReadonlySignal, Signal } from "../state/signal";

/** The theme of the page, also written to `root.dataset.theme`; changes with every change of the host's theme. */
export function watchTheme(root: HTMLElement, ending: AbortSignal): ReadonlySignal<string> {
  const { body } = document;
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = new Signal("");
  const look = () => {
    const { jpThemeLight, jpThemeName = "" } = body.dataset;
    const isCode = body.className.includes("vscode-");
    const isDark = jpThemeLight
      ? jpThemeLight === "false"
      : isCode
        ? /vscode-(dark|high-contrast(?!-light))/.test(body.className)
        : media.matches;
    root.dataset.theme = isDark ? "dark" : "light";
    theme.value = `${root.dataset.theme} ${jpThemeName} ${body.className}`;
  };
  const watching = new MutationObserver(look);
  watching.observe(body, { attributeFilter: ["class", "data-jp-theme-name", "data-jp-theme-light"] });
  media.addEventListener("change", look, { signal: ending });
  ending.addEventListener("abort", () => watching.disconnect(), { once: true });
  look();
  return theme;
}
