/** Which room may know which: the wire knows nobody, state knows the wire, views know state, only the host knows the model. */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    { name: "wire-imports-nothing", severity: "error", from: { path: "^src/wire\\.ts$" }, to: { path: "." } },
    { name: "layout-is-pure", severity: "error", from: { path: "^src/layout" }, to: { pathNot: "^src/layout" } },
    {
      name: "state-knows-the-wire-only",
      severity: "error",
      from: { path: "^src/state/" },
      to: { pathNot: "^src/(state/|wire(-browser)?\\.ts$|ansi\\.ts$)" },
    },
    {
      name: "views-do-not-touch-the-model",
      severity: "error",
      from: { path: "^src/view/" },
      to: { path: "^src/(host|lanes|index)\\.ts$" },
    },
    { name: "host-knows-no-view", severity: "error", from: { path: "^src/(host|lanes)\\.ts$" }, to: { path: "^src/(view/|layout)" } },
    { name: "nobody-imports-the-entry", severity: "error", from: { path: "^src/" }, to: { path: "^src/index\\.ts$" } },
    { name: "no-orphans", severity: "error", from: { orphan: true, pathNot: "^src/(index|wire|layout|env)" }, to: {} },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".tsx", ".mjs", ".js"],
      exportsFields: ["exports"],
      conditionNames: ["import", "default"],
    },
  },
};
