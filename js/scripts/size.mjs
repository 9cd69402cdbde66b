/** Fails when the bundle outgrows its budget: it is saved in every notebook that keeps its widgets' state. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1024;
const LIMITS = {
  "widget.js": { minified: 64, gzip: 22 },
  "widget.css": { minified: 12, gzip: 3.5 },
};

let isTooBig = false;
for (const [name, limit] of Object.entries(LIMITS)) {
  const bytes = readFileSync(new URL(`../../milo_nb/show/bundle/${name}`, import.meta.url));
  const sizes = { minified: bytes.length / KB, gzip: gzipSync(bytes, { level: 9 }).length / KB };
  for (const [kind, size] of Object.entries(sizes)) {
    const over = size > limit[kind];
    isTooBig ||= over;
    console.log(`${name} ${kind}: ${size.toFixed(1)} KB of ${limit[kind]} KB${over ? ", too big" : ""}`);
  }
}
process.exitCode = isTooBig ? 1 : 0;
