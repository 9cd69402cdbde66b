import { describe, expect, test } from "vitest";
import { type Layout, layout } from "../src/layout";

const options = { horizontal: true, nodeWidth: 172, nodeHeight: 50, layerGap: 44, nodeGap: 16 };

/** A graph by a seeded generator: what fails once fails again. */
function graph(count: number, seed: number, reach = 8): number[][] {
  let state = seed;
  const random = (below: number) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, (_, i) => [
    ...new Set(Array.from({ length: i === 0 ? 0 : random(4) }, () => Math.max(0, i - 1 - random(reach)))),
  ]);
}

function overlaps({ x, y }: Layout, { nodeWidth, nodeHeight }: typeof options): number {
  let found = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      if (Math.abs((x[i] ?? 0) - (x[j] ?? 0)) < nodeWidth - 1e-6 && Math.abs((y[i] ?? 0) - (y[j] ?? 0)) < nodeHeight - 1e-6) found++;
    }
  }
  return found;
}

/** Straight stretches between bends that touch the inside of a phase which is neither end. */
function throughNodes(made: Layout): number {
  let found = 0;
  for (const { from, to, points } of made.routes) {
    for (let i = 0; i + 3 < points.length; i += 2) {
      for (let node = 0; node < made.x.length; node++) {
        if (node === from || node === to) continue;
        for (let step = 0; step <= 10; step++) {
          const x = (points[i] ?? 0) + (((points[i + 2] ?? 0) - (points[i] ?? 0)) * step) / 10;
          const y = (points[i + 1] ?? 0) + (((points[i + 3] ?? 0) - (points[i + 1] ?? 0)) * step) / 10;
          const isInside =
            Math.abs(x - (made.x[node] ?? 0)) < options.nodeWidth / 2 - 1 && Math.abs(y - (made.y[node] ?? 0)) < options.nodeHeight / 2 - 1;
          if (isInside) {
            found++;
            break;
          }
        }
      }
    }
  }
  return found;
}

describe.each([1, 2, 3, 4, 5, 6])("random graph %i", (seed) => {
  const upstream = graph(10 + seed * 12, seed, 3 + seed * 3);
  const made = layout(upstream, options);

  test("no two phases overlap", () => {
    expect(overlaps(made, options)).toBe(0);
  });
  test("every edge goes forward", () => {
    for (const { from, to } of made.routes) expect(made.layer[from]).toBeLessThan(made.layer[to] ?? -1);
  });
  test("no edge runs through a phase", () => {
    expect(throughNodes(made)).toBe(0);
  });
  test("every dependency is one edge, and all is within the picture", () => {
    expect(made.routes.length).toBe(upstream.flat().length);
    for (let i = 0; i < upstream.length; i++) {
      expect(made.x[i]).toBeGreaterThanOrEqual(options.nodeWidth / 2 - 1e-6);
      expect(made.y[i]).toBeLessThanOrEqual(made.height - options.nodeHeight / 2 + 1e-6);
    }
  });
  test("the same graph gives the same picture", () => {
    expect(layout(upstream, options)).toEqual(made);
  });
  test("top to bottom it holds as well", () => {
    const tall = layout(upstream, { ...options, horizontal: false });
    expect(overlaps(tall, options)).toBe(0);
    for (const { from, to } of tall.routes) expect(tall.y[from]).toBeLessThan(tall.y[to] ?? -1);
  });
});

test("nothing, one phase, a chain", () => {
  expect(layout([], options)).toMatchObject({ width: 0, height: 0 });
  expect(layout([[]], options)).toMatchObject({ width: 172, height: 50 });
  const chain = layout([[], [0], [1]], options);
  expect(new Set(chain.y).size).toBe(1);
});

test("the classic diamond has no crossing and a straight end", () => {
  const made = layout([[], [0], [0], [1, 2], [3]], options);
  expect(made.y[0]).toBeCloseTo(made.y[3] ?? 0);
  expect(made.y[1]).not.toBe(made.y[2]);
});

test("disconnected phases stand side by side, in a block rather than a tower", () => {
  const made = layout(
    Array.from({ length: 400 }, () => []),
    options,
  );
  expect(overlaps(made, options)).toBe(0);
  expect(made.height).toBeLessThan(60 * 66);
});

test("an edge from nowhere or from a later phase is left out", () => {
  expect(layout([[5], [-1], [0, 0]], options).routes.map(({ from, to }) => [from, to])).toEqual([[0, 2]]);
});

test.each([
  ["layered", graph(10_000, 9, 150)],
  ["a chain on which everything depends", Array.from({ length: 10_000 }, (_, i) => (i ? [...new Set([0, i - 1])] : []))],
  ["a fan", [[], ...Array.from({ length: 9_998 }, () => [0]), Array.from({ length: 9_998 }, (_, i) => i + 1)]],
])("10,000 phases do not hang: %s", (_, upstream) => {
  const made = layout(upstream, options);
  expect(made.x.length).toBe(10_000);
  expect(Number.isFinite(made.width + made.height)).toBe(true);
});
