// @vitest-environment node
import { expect, test } from "vitest";
import { toParts } from "../scripts/parts.mjs";
import { renameClasses } from "../scripts/short.mjs";

const shared = `var count = 2;\nfunction twice(x) { return count * x; }\nexport {\n  twice,\n  count as two\n};\n`;
const widget = `import {\n  twice as double\n} from "./chunk-ABC.js";\nvar twice = 1;\nvar load = (ask) => runPart(ask, () => import("./more-XYZ.js"), "");\nfunction runPart(ask, shared, build) { return { shared, build, ask }; }\nexport {\n  load as default\n};\n`;
const more = `import {\n  two,\n  twice\n} from "./chunk-ABC.js";\nfunction show() { return twice(two); }\nexport {\n  show\n};\n`;

const run = (text: string) => import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(text)}`);

test("the two parts travel alone, and the second uses what the first has", async () => {
  const [first = "", second = ""] = toParts({ widget, shared, more }, ".a{}", "b1");
  const loaded = (await run(first)).default("asked");
  expect(loaded).toMatchObject({ build: "b1", ask: "asked" });
  const part = (await run(second)).default;
  expect(part.css).toBe(".a{}");
  expect(part.make(loaded.shared).show()).toBe(4);
});

test("a shared variable that changes is refused: the second part would see its first value for ever", () => {
  const changing = shared.replace("return count * x", "count = x; return count");
  expect(() => toParts({ widget, shared: changing, more }, "", "b1")).toThrow("count is shared by both parts of the bundle and changes");
});

test("a first part that does not load the second is refused", () => {
  expect(() => toParts({ widget: widget.replace("more-XYZ", "other"), shared, more }, "", "b1")).toThrow();
});

test("class names become short in all texts alike, but for those that tests and people rely on", () => {
  const [css, js] = renameClasses([".milo-row{} .milo-node{}", `"milo-row milo-node"`], ".milo-row{} .milo-node{}");
  expect([css, js]).toEqual([".milo-0{} .milo-node{}", `"milo-0 milo-node"`]);
});
