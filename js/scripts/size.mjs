/**
 * Watches the size of the bundle: it is saved in every notebook that keeps its widgets' state.
 *
 * `budget` is what was promised; `gate`, where there is one, is a budget that is missed and by how much at most. A gate
 * only ever goes down: the view with all its parts is 25.7 KB gzipped, 5 of them Preact.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1024;
const LIMITS = {
  "widget.js": { minified: { budget: 64 }, gzip: { budget: 22, gate: 26 } },
  "widget.css": { minified: { budget: 12 }, gzip: { budget: 3.5 } },
};

for (const [name, limits] of Object.entries(LIMITS)) {
  const bytes = readFileSync(new URL(`../../milo_nb/show/bundle/${name}`, import.meta.url));
  const sizes = { minified: bytes.length / KB, gzip: gzipSync(bytes, { level: 9 }).length / KB };
  for (const [kind, size] of Object.entries(sizes)) {
    const { budget, gate = budget } = limits[kind];
    const verdict = size > gate ? "TOO BIG" : size > budget ? `over budget, allowed up to ${gate} KB` : "ok";
    console.log(`${name} ${kind}: ${size.toFixed(2)} KB of ${budget} KB, ${verdict}`);
    if (size > gate) process.exitCode = 1;
  }
}
