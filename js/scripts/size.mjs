/** Watches the size of the bundle: widget.* is saved in every notebook that keeps its widgets' state, more.js is loaded. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1024;
const BUDGETS = {
  "widget.js": { minified: 64, gzip: 22 },
  "widget.css": { minified: 12, gzip: 3.5 },
  "more.js": { minified: 128, gzip: 44 },
};

for (const [name, budgets] of Object.entries(BUDGETS)) {
  const bytes = readFileSync(new URL(`../../milo_nb/show/bundle/${name}`, import.meta.url));
  const sizes = { minified: bytes.length / KB, gzip: gzipSync(bytes, { level: 9 }).length / KB };
  for (const [kind, size] of Object.entries(sizes)) {
    const budget = budgets[kind];
    console.log(`${name} ${kind}: ${size.toFixed(2)} KB of ${budget} KB${size > budget ? ", TOO BIG" : ""}`);
    if (size > budget) process.exitCode = 1;
  }
}
