/**
 * Makes two texts that can travel alone of what esbuild splits into modules that import each other.
 *
 * The rules: the first part holds what both share; the second is a function of that. No module of the first part may
 * export a variable that changes: what is handed over is its value at the start.
 */

const NAMES = /\{([^}]*)\}/;
const listed = (text) =>
  (NAMES.exec(text)?.[1] ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one) => one.split(/\s+as\s+/));

/** `{ a as b }` of an import, as what takes the same from an object, in which `called` is short for it. */
const taken = (names, called) => `{ ${names.map(([name, as]) => `${called(name)}: ${as ?? name}`).join(", ")} }`;
/** `{ a as b }` of an export, as an object. */
const given = (names, called) => `{ ${names.map(([name, as]) => `${called(as ?? name)}: ${name}`).join(", ")} }`;

const IMPORT = /^import\s*(\{[^}]*\})\s*from\s*"\.\/(chunk-[^"]+)";\n?/m;
const BARE_IMPORT = /^import\s*"\.\/chunk-[^"]+";\n?/gm;
const EXPORT = /^export\s*\{[^}]*\};?\n?/m;

/**
 * @param {{ widget: string, shared: string, more: string }} texts as esbuild wrote them, not minified
 * @param {string} css the style sheet of the second part
 * @param {string} build tells one build from another
 */
export function toParts({ widget, shared, more }, css, build) {
  const exported = listed(EXPORT.exec(shared)?.[0] ?? "");
  for (const [name] of exported) {
    if (new RegExp(`^(?:let|var) ${name.replaceAll("$", "\\$")}\\b(?!\\s*=\\s*class)`, "m").test(shared) && changes(name, shared))
      throw new Error(`${name} is shared by both parts of the bundle and changes.`);
  }
  const order = exported.map(([name, as]) => as ?? name);
  const called = (name) => `$${order.indexOf(name).toString(36)}`;
  const same = (name) => name;
  const first = [
    `const milo_shared = (() => {\n${shared.replace(EXPORT, "")}\nreturn ${given(exported, called)};\n})();`,
    widget.replace(IMPORT, (_, names) => `const ${taken(listed(names), called)} = milo_shared;\n`).replace(BARE_IMPORT, ""),
  ].join("\n");
  const LOAD = /\(\) => import\("\.\/more-[^"]+"\), ""/;
  if (!LOAD.test(first)) throw new Error("The first part does not load the second one.");
  const parts = [
    first.replace(LOAD, `milo_shared, ${JSON.stringify(build)}`),
    `export default { css: ${JSON.stringify(css)}, make(milo_shared) {\n${more
      .replace(IMPORT, (_, names) => `const ${taken(listed(names), called)} = milo_shared;\n`)
      .replace(BARE_IMPORT, "")
      .replace(EXPORT, (text) => `return ${given(listed(text), same)};\n`)}}};`,
  ];
  for (const text of parts) if (/^import\b|\bimport\("\.\//m.test(text)) throw new Error("A part still imports another one.");
  return parts;
}

const changes = (name, text) =>
  (text.match(new RegExp(`(?<![\\w$.])${name.replaceAll("$", "\\$")}\\s*(?:=(?!=)|\\+=|-=|\\+\\+|--)`, "g")) ?? []).length > 1;
