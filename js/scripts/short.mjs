/**
 * Shorter names in the bundle: it is saved in every notebook that keeps its widgets' state.
 *
 * The rules: properties are listed here one by one, and none of them is ever seen outside the bundle (a wire name, a
 * trait, an attribute, a key that is looked up by its text); class names keep their length if tests or people's styles
 * may rely on them.
 */
export const INTERNAL =
  "always answered blocks bodies bounds byPerson chains choice colour counts current details dispatch dismiss drawing elapsedAt ending escalatedTo " +
  "hint horizontal isBusy isCause isCurrent isFar isPure isQueued isSelected kind label layer layerGap layout loaded nodeGap nodeHeight nodeWidth names notice onChoose onFollow " +
  "onSight order paths pattern peek permit pieces port props received refuse requests reveal routes row rowHeight seen select setExpanded setFollow shelf shown showView " +
  "since slots starts syncing tabs timer toggleHelp viewport virtual wantDetail wantLogs wantOutputs";
export const HOOKS =
  "root still header inspector graph node word log log-row log-text log-host log-number log-phase log-steps log-said log-hidden";

export const isInternal = new RegExp(`^(${INTERNAL.replaceAll(" ", "|")})$`);

/** Renames the classes of the style sheets in all texts; what a name is made of at run time (`milo-${style}`) is left alone. */
export function renameClasses(texts, css) {
  const kept = new Set(HOOKS.split(" ").map((name) => `milo-${name}`));
  const found = new Set(Array.from(css.matchAll(/\.(milo-[a-z-]+)/g), ([, name]) => name));
  const names = [...found].filter((name) => !kept.has(name) && texts.some((text) => text.includes(name)));
  const short = new Map(names.map((name, i) => [name, `milo-${i.toString(36)}`]));
  return texts.map((text) => text.replace(/milo-[a-z-]+/g, (name) => short.get(name) ?? name));
}
