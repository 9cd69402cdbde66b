// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { type Child, Fragment, h, render, type VNode } from "../src/dom/h";
import { useEffect, useRef } from "../src/dom/hooks";

/** Names of the components whose effect runs, once for each that does. */
let alive: string[] = [];

const Counted = ({ name, children }: { name: string; children?: Child }) => {
  const element = useRef<Element | null>(null);
  useEffect(
    (ending) => {
      expect(element.current?.isConnected).toBe(true);
      alive.push(name);
      ending.addEventListener("abort", () => alive.splice(alive.indexOf(name), 1));
    },
    [name],
  );
  return h("em", { ref: element }, children);
};
const Maybe = ({ isThere, children }: { isThere: boolean; children?: Child }) => (isThere ? children : null);
const Many = ({ children }: { children?: Child }) => ["(", children, h("hr", null)];

/** Makes lists of all that can be a child, by a seeded generator: what fails once fails again. */
function gardener(seed: number): () => Child[] {
  let state = seed * 2654435761;
  const random = (below: number) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const list = (depth: number): Child[] => (depth > 3 ? [] : Array.from({ length: random(5) }, () => child(depth)));
  const child = (depth: number): Child => {
    const key = random(2) ? { key: random(4) } : {};
    const inner = () => list(depth + 1);
    const kinds: readonly (() => Child)[] = [
      () => [null, undefined, true, false, ""][random(5)],
      () => ["text", "<b>", 0, 7][random(4)],
      () => inner(),
      () => h("b", { ...key, class: random(2) ? "x" : undefined }, ...inner()),
      () => h("p", key, inner()),
      () => h(Counted, { ...key, name: `c${random(5)}` }, inner()),
      () => h(Many, key, inner()),
      () => h(Maybe, { ...key, isThere: random(3) > 0 }, inner()),
      () => h(Fragment, key, inner()),
    ];
    return kinds[random(kinds.length)]?.();
  };
  return () => list(0);
}

/** What a page of it must look like, worked out without the renderer. */
function looks(child: Child, counted: string[]): string {
  if (Array.isArray(child)) return child.map((one) => looks(one, counted)).join("");
  if (child === null || child === undefined || typeof child === "boolean") return "";
  if (typeof child !== "object") return `${child}`.replace("<b>", "&lt;b&gt;");
  const { tag, props } = child as VNode;
  if (tag === Maybe && !props["isThere"]) return "";
  if (tag === Counted) counted.push(`${props["name"]}`);
  const inner = looks(props["children"] as Child, counted);
  if (tag === Many) return `(${inner}<hr>`;
  if (typeof tag !== "string") return tag === Counted ? `<em>${inner}</em>` : inner;
  return `<${tag}${props["class"] ? ` class="${props["class"]}"` : ""}>${inner}</${tag}>`;
}

test.each(Array.from({ length: 40 }, (_, i) => i + 1))(
  "after any drawings the page is as the last one says, and so are the effects (seed %i)",
  (seed) => {
    const page = document.createElement("div");
    document.body.append(page);
    const make = gardener(seed);
    alive = [];
    for (let step = 0; step < 15; step++) {
      const tree = make();
      const counted: string[] = [];
      const expected = looks(tree, counted);
      for (const again of [1, 2]) {
        render(tree, page);
        expect([again, page.innerHTML]).toEqual([again, expected]);
        expect([...alive].sort()).toEqual(counted.sort());
      }
    }
    render(null, page);
    expect([page.childNodes.length, alive.length]).toEqual([0, 0]);
    page.remove();
  },
);

test("whoever keeps its place and key keeps its node, whatever happens around it", () => {
  for (let seed = 1; seed < 30; seed++) {
    const page = document.createElement("div");
    document.body.append(page);
    const make = gardener(seed);
    const around = () => [h("section", null, make()), h("input", { key: 0 }), h(Many, null, make())];
    render(around(), page);
    const kept = page.querySelector("input");
    for (let step = 0; step < 10; step++) {
      render(around(), page);
      expect(page.querySelector("input")).toBe(kept);
    }
    page.remove();
  }
});
