/** Builds the bundle that the Python package ships; `--dev` serves the development page, `--page FOLDER` puts it there. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build, context, transform } from "esbuild";
import { minify } from "terser";
import { toParts } from "./parts.mjs";
import { isInternal, renameClasses } from "./short.mjs";

const BUNDLE = "../milo_nb/show/bundle";

const shared = {
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
  charset: "utf8",
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  inject: ["scripts/jsx.mjs"],
  tsconfigRaw: {},
};
const [, , option, folder] = process.argv;
if (option === "--dev") {
  const building = await context({ ...shared, entryPoints: ["dev/main.ts"], outdir: "dev/built", sourcemap: true });
  const { port } = await building.serve({ servedir: "dev" });
  console.log(`http://127.0.0.1:${port}/?case=running&play`);
} else if (option === "--page") {
  await build({ ...shared, entryPoints: ["dev/main.ts"], outdir: `${folder}/built` });
  copyFileSync("dev/index.html", `${folder}/index.html`);
} else {
  const entryPoints = { widget: "src/index.ts" };
  const { outputFiles } = await build({ ...shared, entryPoints, outdir: BUNDLE, write: false, legalComments: "none" });
  const textOf = (pattern) => outputFiles.find(({ path }) => pattern.test(path))?.text ?? "";
  const css = await Promise.all(["src/index.ts", "src/more.ts"].map((entry) => minifyCss(stylesOf(entry))));
  const texts = { widget: textOf(/widget\.js$/), shared: textOf(/chunk-.*\.js$/), more: textOf(/more-.*\.js$/) };
  const version = createHash("sha256")
    .update(JSON.stringify([texts, css]))
    .digest("hex")
    .slice(0, 12);
  const parts = toParts(texts, css[1], version);
  const nameCache = {};
  const js = [];
  for (const part of parts) js.push(await minifyJs(part, nameCache)); // one after the other: they share the names
  const [widgetCss, widget, more] = renameClasses([css[0], ...js], css.join(""));
  mkdirSync(BUNDLE, { recursive: true });
  writeFileSync(`${BUNDLE}/widget.css`, widgetCss);
  writeFileSync(`${BUNDLE}/widget.js`, widget);
  writeFileSync(`${BUNDLE}/more.js`, more);
}

/** The style sheets that a module imports; esbuild would put those of the second part into the first as well. */
function stylesOf(entry) {
  const imports = readFileSync(entry, "utf8").matchAll(/^import "(\.\/[^"]+\.css)";/gm);
  return Array.from(imports, ([, path]) => readFileSync(`src/${path}`, "utf8")).join("\n");
}

async function minifyCss(text) {
  return (await transform(text, { loader: "css", minify: true, target: shared.target })).code.trim();
}

/** A second minifier: its choice of names and order is worth a kilobyte of 22, gzipped. */
async function minifyJs(text, nameCache) {
  const once = await transform(text, { minify: true, target: shared.target, format: "esm", charset: "utf8" });
  const { code = "" } = await minify(once.code, {
    module: true,
    ecma: 2022,
    nameCache,
    // Unsafe for who changes built-ins, or asks a function for its name or text: nobody here does.
    compress: {
      passes: 3,
      keep_fargs: false,
      unsafe: true,
      unsafe_arrows: true,
      unsafe_comps: true,
      unsafe_methods: true,
      pure_getters: true,
      hoist_funs: true,
    },
    mangle: { properties: { regex: isInternal, builtins: true } },
  });
  return code;
}
