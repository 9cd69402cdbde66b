import { describe, expect, test } from "vitest";
import { arrange, type Layout, type LayoutOptions, place } from "../src/layout";
import { choose, draw, fitScale } from "../src/layout-choice";
import { isEdgeOnPath, isOnPath, neighbour, pathThrough } from "../src/layout-path";

const options = { horizontal: true, nodeWidth: 172, nodeHeight: 50, layerGap: 44, nodeGap: 16 };
const layout = (upstream: readonly (readonly number[])[], given: LayoutOptions = options) => place(arrange(upstream), given);

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

function overlaps({ x, y }: Layout, { nodeWidth, nodeHeight }: { nodeWidth: number; nodeHeight: number }): number {
  let found = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      if (Math.abs((x[i] ?? 0) - (x[j] ?? 0)) < nodeWidth - 1e-6 && Math.abs((y[i] ?? 0) - (y[j] ?? 0)) < nodeHeight - 1e-6) found++;
    }
  }
  return found;
}

/**
 * Stretches that touch a phase which is neither end. Those between layers bend, but never leave the gap between them: so
 * they touch none if they begin and end there. Those that pass a layer are straight.
 */
function throughNodes({ horizontal, x, y, nodeWidth, nodeHeight, routes }: Layout): number {
  const [along, across] = horizontal ? [x, y] : [y, x];
  const [depth, breadth] = horizontal ? [nodeWidth, nodeHeight] : [nodeHeight, nodeWidth];
  let found = 0;
  for (const { from, to, points } of routes) {
    for (let i = 0; i + 3 < points.length; i += 2) {
      const [a = 0, b = 0] = horizontal ? [points[i], points[i + 2]] : [points[i + 1], points[i + 3]];
      const [beside = 0, besideToo = 0] = horizontal ? [points[i + 1], points[i + 3]] : [points[i], points[i + 2]];
      along.forEach((centre, node) => {
        const isBeside = b <= centre - depth / 2 + 1e-6 || a >= centre + depth / 2 - 1e-6;
        if (node === from || node === to || isBeside) return;
        const clear = Math.min(Math.abs(beside - (across[node] ?? 0)), Math.abs(besideToo - (across[node] ?? 0)));
        if (beside !== besideToo || clear < breadth / 2) found++;
      });
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
  test("all of it holds in each of the four pictures to choose from", () => {
    const pictures = draw(arrange(upstream));
    expect(pictures.length).toBe(4);
    for (const one of pictures) {
      expect(overlaps(one, one)).toBe(0);
      expect(throughNodes(one)).toBe(0);
    }
  });
  test("top to bottom it holds as well", () => {
    const tall = layout(upstream, { ...options, horizontal: false });
    expect(overlaps(tall, options)).toBe(0);
    expect(throughNodes(tall)).toBe(0);
    for (const { from, to } of tall.routes) expect(tall.y[from]).toBeLessThan(tall.y[to] ?? -1);
  });
});

test("of many phases with long edges none runs through a phase, either way", () => {
  for (const upstream of [graph(300, 5, 250), graph(600, 6, 40)]) {
    const arrangement = arrange(upstream);
    for (const made of [place(arrangement, options), place(arrangement, { ...options, horizontal: false, nodeHeight: 28 })]) {
      expect(throughNodes(made)).toBe(0);
    }
  }
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

describe("a phase more", () => {
  const across = ({ horizontal, x, y }: Layout) => [...(horizontal ? y : x)];

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("leaves the others in their layers and in their order: random graph %i", (seed) => {
    const all = graph(12 + 5 * seed, seed);
    const upstream = all.slice(0, -1);
    const before = layout(upstream);
    const after = place(arrange(all, across(before)), options);
    const pairs = upstream.flatMap((_, i) => upstream.slice(0, i).map((__, j) => [i, j] as const));
    const isAbove = (made: Layout, i: number, j: number) => Math.sign((made.y[i] ?? 0) - (made.y[j] ?? 0));
    const sameLayer = pairs.filter(([i, j]) => before.layer[i] === before.layer[j] && after.layer[i] === after.layer[j]);
    const turned = sameLayer.filter(([i, j]) => isAbove(before, i, j) !== isAbove(after, i, j));
    const moved = upstream.filter((_, i) => before.layer[i] !== after.layer[i]);
    const needed = upstream.filter((_, i) => all.at(-1)?.includes(i)); // what it depends on may come nearer
    expect(moved.length).toBeLessThanOrEqual(needed.length);
    expect(turned.length).toBeLessThanOrEqual(sameLayer.length * 0.06);
  });

  test("a pipeline that is written phase by phase looks as good as one that is written at once", () => {
    const all = graph(40, 11);
    const crossings = ({ routes, layer }: Layout) => {
      let found = 0;
      routes.forEach((a, i) => {
        for (const b of routes.slice(0, i)) {
          const isSide = layer[a.from] === layer[b.from] && a.points.length === 4 && b.points.length === 4;
          if (isSide && ((a.points[1] ?? 0) - (b.points[1] ?? 0)) * ((a.points[3] ?? 0) - (b.points[3] ?? 0)) < 0) found++;
        }
      });
      return found;
    };
    let made = layout([]);
    for (let count = 1; count <= all.length; count++) made = place(arrange(all.slice(0, count), across(made)), options);
    expect(overlaps(made, options)).toBe(0);
    expect(throughNodes(made)).toBe(0);
    expect(crossings(made)).toBeLessThanOrEqual(crossings(layout(all)) * 2 + 6);
  });

  test("what is unknown of an order changes nothing but the order", () => {
    const all = graph(30, 3);
    const made = place(
      arrange(
        all,
        all.map((_, i) => (i % 2 ? i : undefined)),
      ),
      options,
    );
    expect(overlaps(made, options)).toBe(0);
    expect(
      arrange(
        all,
        all.map(() => undefined),
      ).layers,
    ).toEqual(arrange(all).layers);
  });
});

describe("the picture that is shown", () => {
  const room = { width: 1060, height: 460 };
  const chain = (length: number) => Array.from({ length }, (_, i) => (i ? [i - 1] : []));
  const shown = (upstream: readonly (readonly number[])[], given = room) => {
    const pictures = draw(arrange(upstream));
    return pictures[choose(pictures, given)];
  };

  test("a few phases go from left to right where there is room, else from top to bottom", () => {
    expect(shown(chain(5))).toMatchObject({ horizontal: true, nodeHeight: 50 });
    expect(shown(chain(4), { width: 380, height: 460 })).toMatchObject({ horizontal: false, nodeHeight: 50 });
  });
  test("of many phases the names can be read if there is a way", () => {
    const made = shown(graph(50, 4));
    expect((made?.nodeHeight ?? 0) * fitScale(made as Layout, room)).toBeGreaterThan(12.5);
  });
  test("it is kept for a little less", () => {
    const pictures = draw(arrange(chain(5)));
    const narrow = { width: 820, height: 460 };
    const first = choose(pictures, narrow);
    const other = pictures.findIndex((_, i) => choose(pictures, narrow, i) === i && i !== first);
    expect(choose(pictures, narrow, first)).toBe(first);
    expect(other).toBeGreaterThanOrEqual(0);
  });
  test("nothing and one phase fit", () => {
    expect(shown([])).toMatchObject({ width: 0 });
    expect(fitScale(shown([[]]) as Layout, room)).toBe(1);
  });
});

describe("the path through a phase", () => {
  //  0 -> 1 -> 3 -> 4, 0 -> 2 -> 3, 0 -> 4, 5
  const upstream = [[], [0], [0], [1, 2], [3, 0], []];
  const downstream = [[1, 2, 4], [3], [3], [4], [], []];

  test("is all that leads to it and follows from it", () => {
    const path = pathThrough(1, upstream, downstream);
    expect([0, 1, 2, 3, 4, 5].filter((i) => isOnPath(path, i))).toEqual([0, 1, 3, 4]);
    expect(isEdgeOnPath(path, 0, 1)).toBe(true);
    expect(isEdgeOnPath(path, 3, 4)).toBe(true);
  });
  test("an edge that passes it by is not on it", () => {
    expect(isEdgeOnPath(pathThrough(1, upstream, downstream), 0, 4)).toBe(false);
  });
  test("arrow keys follow the edges, and go along a layer", () => {
    const made = layout(upstream);
    const go = (key: string, from: number, on = made) => neighbour(key, from, upstream, downstream, on);
    expect([go("ArrowRight", 0), go("ArrowRight", 3), go("ArrowLeft", 3), go("ArrowLeft", 0)]).toEqual([1, 4, 1, undefined]);
    const [upper, lower] = (made.y[1] ?? 0) < (made.y[2] ?? 0) ? [1, 2] : [2, 1];
    expect([go("ArrowDown", upper), go("ArrowUp", lower), go("x", 0)]).toEqual([lower, upper, undefined]);
    const tall = layout(upstream, { ...options, horizontal: false });
    expect([go("ArrowDown", 0, tall), go("ArrowUp", 3, tall)]).toEqual([1, 1]);
  });
});
