/** Builds the bundle that the Python package ships; `--watch` goes on, `--dev` serves the development page. */
import { readFileSync, writeFileSync } from "node:fs";
import { context } from "esbuild";
import { minify } from "terser";
import { isInternal, renameClasses } from "./short.mjs";

const BUNDLE = "../milo_nb/show/bundle";

const isDev = process.argv.includes("--dev");
const shared = {
  bundle: true,
  format: "esm",
  target: "es2022",
  logLevel: "info",
  charset: "utf8",
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  inject: ["scripts/jsx.mjs"],
  tsconfigRaw: {},
};
const building = await context(
  isDev
    ? { ...shared, entryPoints: ["dev/main.ts"], outdir: "dev/built", sourcemap: true }
    : { ...shared, entryPoints: { widget: "src/index.ts" }, outdir: BUNDLE, minify: true, legalComments: "none" },
);
if (isDev) {
  const { port } = await building.serve({ servedir: "dev" });
  console.log(`http://127.0.0.1:${port}/?case=running&play`);
} else if (process.argv.includes("--watch")) {
  await building.watch();
} else {
  await building.rebuild();
  await building.dispose();
  // A second minifier: its choice of names and order is worth a kilobyte of 22, gzipped.
  const { code = "" } = await minify(readFileSync(`${BUNDLE}/widget.js`, "utf8"), {
    module: true,
    ecma: 2022,
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
  const [css, js] = renameClasses(readFileSync(`${BUNDLE}/widget.css`, "utf8"), code);
  writeFileSync(`${BUNDLE}/widget.css`, css);
  writeFileSync(`${BUNDLE}/widget.js`, js);
}
