/** What the kernel in the page says to questions beside the story. Not shipped. */
import type { Phase } from "../src/wire";
import { answerAboutPhase } from "./inspecting";

type Args = Readonly<Record<string, unknown>>;

/** The body of the answer; nothing for words that this kernel does not know. */
export function answerTo(what: string, args: Args, phases: readonly Phase[]): object | null {
  if (what === "preview") return { ...preview(args, phases), runs: [], keeps: [] };
  if (what === "values")
    return {
      earlier: "of session 4be1a90c, 2026-11-21 17:40, 18,204 bytes",
      variables: [
        ["fallback", "list of 3"],
        ["frame", "DataFrame 1204 x 9"],
        ["rate", "float 0.05"],
        ["titles", "dict of 400"],
      ],
    };
  return answerAboutPhase(what, args, phases);
}

function preview({ command, phases: names, options }: Args, phases: readonly Phase[]) {
  const [name = ""] = names as string[];
  const index = phases.findIndex((phase) => phase.name === name);
  const after = phases.filter((phase) => phase.depends_on.includes(index)).map((phase) => phase.name);
  const then = after.length ? `, then ${after.join(" and ")}` : "";
  const busy = phases.filter((phase) => phase.status === "running").map((phase) => phase.name);
  const kept = phases.filter((phase) => phase.status === "completed").length;
  const value = String((options as Args)["value"] ?? "none").replace(/^(variable|literal):/, "");
  const texts: Readonly<Record<string, string>> = {
    pause: `Starts nothing new; ${busy.join(" and ") || "nothing"} may end first.`,
    resume: `Goes on. Keeps ${kept} results.`,
    cancel: name ? `Stops ${name}.` : `Stops ${busy.join(" and ") || "nothing"}, and starts nothing more.`,
    retry: `Runs ${name} again${then}. Keeps ${kept} results. Usually takes 12 s.`,
    approve: `Goes on after the review. Then runs ${after.join(" and ")}. Keeps ${kept} results.`,
    rerun: `Runs ${name} again${then}. Keeps ${kept} results.`,
    skip: `Goes on without ${name}: what depends on it gets ${value === "none" ? "None" : value}.`,
    run: `Starts a new session of ${phases.length} phases; this one is kept. Usually takes 40 s.`,
  };
  return { text: texts[`${command}`] ?? `Keeps ${kept} results.`, refused: "" };
}
