// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { render } from "../src/dom/h";
import widget from "../src/index";
import { arrange, place } from "../src/layout";
import { pathThrough } from "../src/layout-path";
import { Flow, trackOf } from "../src/view/graph/flow";
import { homeView, isInSight } from "../src/view/graph/home";
import { drawGraph, type Frame, prepare } from "../src/view/graph/ink";
import { badgesOf } from "../src/view/graph/node";
import { held, panZoom, scrolled, type Transform, zoomAt } from "../src/view/graph/panzoom";
import type { Phase } from "../src/wire";
import { type FakeModel, fakeModel } from "./model";
import { phase, snapshot } from "./samples";

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
const options = { horizontal: true, nodeWidth: 172, nodeHeight: 50, layerGap: 44, nodeGap: 16 };

describe("badges say what is special about a result", () => {
  test.each<[Partial<Phase>, string[]]>([
    [{ origin: "ran" }, []],
    [{ origin: "cache" }, ["cached"]],
    [{ origin: "checkpoint" }, ["from checkpoint"]],
    [{ origin: "substitute", status: "skipped" }, ["substitute"]],
    [{ origin: "ran", reason: "built on the substitute for load" }, ["on substitute"]],
    [{ origin: "ran", attempt: 3, edited: true }, ["attempt 3", "edited"]],
  ])("%j", (changes, badges) => {
    expect(badgesOf(phase("x", changes))).toEqual(badges);
  });
});

describe("panning and zooming", () => {
  test("a zoom keeps the point under the pointer, and has its bounds", () => {
    const view = { x: 30, y: -20, k: 0.5 };
    const next = zoomAt(view, 1, 100, 50);
    expect((100 - next.x) / next.k).toBeCloseTo((100 - view.x) / view.k);
    expect((50 - next.y) / next.k).toBeCloseTo((50 - view.y) / view.k);
    expect([zoomAt(view, 99, 0, 0).k, zoomAt(view, 0, 0, 0).k]).toEqual([2, 0.01]);
  });

  test("the wheel shows no more than the picture and its margin", () => {
    expect(scrolled(0, 100, 1000, 400, 20)).toBe(-100);
    expect(scrolled(-600, 100, 1000, 400, 20)).toBe(-620);
    expect(scrolled(0, -100, 1000, 400, 20)).toBe(20);
    expect(scrolled(50, 100, 200, 400, 20)).toBe(50); // all of it is in sight
    expect(scrolled(60, -10, 1000, 400, 20)).toBe(60); // dragged beyond: back is the only way
    expect(scrolled(60, 10, 1000, 400, 20)).toBe(50);
  });

  test("some of the picture stays in sight, wherever it is dragged", () => {
    expect([held(-9999, 1000, 400), held(9999, 1000, 400), held(100, 1000, 400)]).toEqual([-940, 340, 100]);
    expect([held(-9999, 30, 400), held(9999, 30, 400)]).toEqual([0, 370]);
  });

  describe("by hand", () => {
    let box: HTMLElement;
    let view: Transform;
    let ending: AbortController;
    let clock = 0;
    beforeEach(() => {
      box = document.body.appendChild(document.createElement("div"));
      box.setPointerCapture = () => undefined;
      view = { x: 0, y: 0, k: 1 };
      ending = new AbortController();
      const scroll = (dx: number, dy: number) => ({ ...view, x: scrolled(view.x, dx, 1000, 400, 0), y: scrolled(view.y, dy, 500, 400, 0) });
      const set = (next: Transform) => {
        view = next;
      };
      panZoom(box, { get: () => view, set, scroll }, ending.signal);
    });
    afterEach(() => {
      ending.abort();
      box.remove();
    });
    const wheel = (more: WheelEventInit, after = 20, target: Element = box) => {
      clock += after;
      const event = new WheelEvent("wheel", { bubbles: true, cancelable: true, ...more });
      for (const [name, value] of Object.entries({ ...more, timeStamp: clock })) Object.defineProperty(event, name, { value });
      target.dispatchEvent(event);
      return event.defaultPrevented;
    };
    const pointer = (type: string, x: number, y = 0) =>
      box.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y, button: 0, bubbles: true }));

    test("a wheel pans to the end and stays there; the next turn of it is the page's", () => {
      expect(wheel({ deltaY: 60 }, 1000)).toBe(true);
      expect(view.y).toBe(-60);
      expect(wheel({ deltaY: 60 })).toBe(true);
      expect(wheel({ deltaY: 60 })).toBe(true);
      expect(view.y).toBe(-100);
      expect(wheel({ deltaY: 60 }, 1000)).toBe(false);
      expect(wheel({ deltaX: 60 }, 1000)).toBe(true);
      expect(view.x).toBe(-60);
    });

    test("who scrolls the page over the graph goes on scrolling the page", () => {
      expect(wheel({ deltaY: 60 }, 1000, document.body)).toBe(false);
      expect(wheel({ deltaY: 60 })).toBe(false);
      expect(wheel({ deltaY: 60 })).toBe(false);
      expect(view.y).toBe(0);
      expect(wheel({ deltaY: 60 }, 1000)).toBe(true);
    });

    test("with ctrl or cmd it zooms", () => {
      expect(wheel({ deltaY: -100, ctrlKey: true }, 1000)).toBe(true);
      expect(view.k).toBeCloseTo(Math.exp(0.5));
      expect(wheel({ deltaY: 50 })).toBe(true); // who lets go of the key a moment too early does not scroll the page
      wheel({ deltaY: 100, metaKey: true });
      expect(view.k).toBeCloseTo(1);
    });

    test("a drag pans and is no click; a press that trembles is one", () => {
      const clicked = vi.fn();
      box.addEventListener("click", clicked);
      pointer("pointerdown", 10);
      pointer("pointermove", 12);
      pointer("pointerup", 12);
      box.click();
      expect([view.x, clicked.mock.calls.length]).toEqual([0, 1]);
      pointer("pointerdown", 10);
      pointer("pointermove", 40, 5);
      pointer("pointerup", 40, 5);
      box.click();
      expect([view.x, view.y, clicked.mock.calls.length]).toEqual([30, 5, 1]);
      pointer("pointermove", 90);
      expect(view.x).toBe(30);
    });

    test("a double click comes near enough to read", () => {
      view = { x: 0, y: 0, k: 0.2 };
      box.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
      expect(view.k).toBe(1);
    });

    test("afterwards nothing listens", () => {
      ending.abort();
      expect(wheel({ deltaY: 60 }, 1000)).toBe(false);
      expect(view.y).toBe(0);
    });
  });
});

describe("edges into running phases", () => {
  const upstream = [[], [0], [1], [0, 2]];
  const made = place(arrange(upstream), options);

  test("a dot goes from one end to the other, never back", () => {
    for (const route of made.routes) {
      const track = trackOf(route, true);
      const { points } = route;
      expect(track[0]?.slice(0, 2)).toEqual([...points.slice(0, 2)]);
      track
        .at(-1)
        ?.slice(0, 2)
        .forEach((at, i) => {
          expect(at).toBeCloseTo(points.at(i - 2) ?? 0);
        });
      for (let i = 1; i < track.length; i++) {
        expect(track[i]?.[0]).toBeGreaterThanOrEqual((track[i - 1]?.[0] ?? 0) - 1e-9);
        expect(track[i]?.[2]).toBeGreaterThan(track[i - 1]?.[2] ?? 0);
      }
    }
  });

  test("dots move where motion is wanted, and only there", async () => {
    const host = document.body.appendChild(document.createElement("div"));
    const animate = vi.spyOn(Element.prototype, "animate").mockImplementation(() => ({}) as Animation);
    const media = vi.spyOn(window, "matchMedia").mockReturnValue({ matches: true } as MediaQueryList);
    const draw = () => render({ tag: Flow as never, props: { layout: made, routes: made.routes.slice(0, 2) } }, host);
    draw();
    expect(host.querySelectorAll("i").length).toBe(0);
    render(null, host);
    media.mockReturnValue({ matches: false } as MediaQueryList);
    draw();
    expect(host.querySelectorAll("i").length).toBe(4);
    expect(animate).toHaveBeenCalledTimes(4);
    draw();
    expect(animate).toHaveBeenCalledTimes(4); // as it was
    render(null, host);
    expect(host.querySelector("i")).toBeNull();
    vi.restoreAllMocks();
    host.remove();
  });
});

describe("on canvas", () => {
  const phases = [
    phase("a", { status: "completed" }),
    phase("b", { status: "running", depends_on: [0] }),
    phase("c", { depends_on: [1] }),
    phase("d", { status: "failed", depends_on: [0] }),
  ];
  const made = place(arrange(phases.map(({ depends_on }) => depends_on)), options);
  const drawn = (changes: Partial<Frame> = {}) => {
    const strokes: string[] = [];
    const pen = new Proxy({ strokeStyle: "", globalAlpha: 1, fillStyle: "" } as Record<string, unknown>, {
      get: (kept, name: string) =>
        name in kept
          ? kept[name]
          : (...given: unknown[]) => {
              if (name === "stroke" || name === "fill")
                strokes.push(`${name} ${kept["strokeStyle"]} ${kept["globalAlpha"]} ${given.length}`);
            },
    });
    vi.stubGlobal("getComputedStyle", () => ({ getPropertyValue: (name: string) => name.slice(4) }));
    vi.stubGlobal("DOMMatrix", class {});
    vi.stubGlobal(
      "Path2D",
      class {
        moveTo() {}
        bezierCurveTo() {}
        rect() {}
        addPath() {}
      },
    );
    const canvas = { getContext: () => pen, width: 0, height: 0 } as unknown as HTMLCanvasElement;
    const frame = { drawing: prepare(made), view: { x: 0, y: 0, k: 0.5 }, width: 800, height: 400, phases, path: null, isFaint: null };
    drawGraph(canvas, { ...frame, critical: new Set(), isFar: false, theme: "", ...changes });
    vi.unstubAllGlobals();
    return strokes;
  };

  test("each edge is drawn once, and those into running phases again in their colour", () => {
    expect(drawn()).toEqual(["stroke idle 0.5 1", "stroke idle 0.5 1", "stroke idle 0.5 1", "stroke run 1 1"]);
  });
  test("the critical path and the path through a phase stand out, all else steps back", () => {
    const path = pathThrough(3, [[], [0], [1], [0]], [[1, 3], [2], [], []]);
    const strokes = drawn({ path, isFaint: (i) => i !== 3, critical: new Set(["0>3"]) });
    expect(strokes.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => "stroke idle 0.125 1"));
    expect(strokes.slice(3)).toEqual(["stroke fg 0.125 1", "stroke run 0.25 1", "stroke run 1 1"]);
  });
  test("what is out of sight is not drawn", () => {
    expect(drawn({ view: { x: -9000, y: 0, k: 0.5 } })).toEqual([]);
  });
  test("from afar phases are boxes, and edges straight lines in one stroke", () => {
    expect(drawn({ view: { x: 0, y: 0, k: 0.05 }, isFar: true }).slice(0, 2)).toEqual(["stroke idle 0.5 0", "stroke run 1 0"]);
    const boxes = drawn({ isFar: true }).slice(4);
    expect(boxes.filter((one) => one.startsWith("fill")).length).toBe(8); // a ground and a fill for each of four states
    expect(boxes.filter((one) => one.startsWith("stroke")).length).toBe(8); // a border and a sign
  });
});

describe("in the view", () => {
  let model: FakeModel;
  let el: HTMLElement;
  let end: () => void;
  const phases = [
    phase("load", { status: "completed", started_at: 10, elapsed: 1 }),
    phase("slow", { status: "completed", started_at: 11, elapsed: 5, depends_on: [0] }),
    phase("quick", { status: "completed", started_at: 11, elapsed: 1, depends_on: [0], origin: "cache", attempt: 2 }),
    phase("join", { status: "completed", started_at: 16, elapsed: 1, depends_on: [1] }),
  ];
  beforeEach(async () => {
    model = fakeModel();
    el = document.body.appendChild(document.createElement("div"));
    const { initialize, render: show } = widget();
    const ends = [initialize({ model }), show({ model, el })];
    end = () => {
      for (const one of ends.reverse()) one();
    };
    model.say({ type: "snapshot", seq: 5, state: snapshot(phases, { status: "completed" }) });
    await settled();
  });
  afterEach(() => {
    end();
    el.remove();
  });
  const find = (selector: string) => el.querySelector<HTMLElement>(selector) as HTMLElement;
  const node = (name: string) => find(`[data-view="graph"] [data-phase="${name}"]`);
  const faint = () => [...el.querySelectorAll<HTMLElement>("[data-faint]")].map(({ dataset }) => dataset["phase"]);
  const scale = () => Number(find(".milo-world").style.getPropertyValue("--m-scale"));
  const press = (key: string) =>
    find("[role=listbox]").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const centre = (name: string) => {
    const [, x = 0, y = 0] =
      find(".milo-world")
        .style.transform.match(/translate\(([-\d.]+)px, ?([-\d.]+)px\)/)
        ?.map(Number) ?? [];
    const { left, top } = node(name).style;
    return { clientX: x + (Number.parseFloat(left) + 86) * scale(), clientY: y + (Number.parseFloat(top) + 25) * scale() };
  };

  test("the critical path is marked, and a legend says what it is", () => {
    const marked = [...el.querySelectorAll<HTMLElement>("[data-critical]")].map(({ dataset }) => dataset["phase"]);
    expect(marked).toEqual(["load", "slow", "join"]);
    expect(find(".milo-critical").title).toBe("3 phases, one after the other, decided when it was over");
    expect(node("slow").getAttribute("aria-description")).toContain("on the critical path");
    expect(node("quick").textContent).toBe("quickcompleted · 1.0sattempt 2cached");
  });

  test("who points at a phase sees what leads to it and follows from it", async () => {
    find("[role=listbox]").dispatchEvent(new PointerEvent("pointermove", { bubbles: true, ...centre("quick") }));
    await vi.waitFor(() => expect(faint()).toEqual(["slow", "join"]));
    find("[role=listbox]").dispatchEvent(new PointerEvent("pointerleave"));
    await vi.waitFor(() => expect(faint()).toEqual([]));
  });

  test("what the header's counts leave out steps back, also when its state changes", async () => {
    const states = (last: Phase) => snapshot([...phases.slice(0, 3), last], { status: "failed" });
    model.say({
      type: "snapshot",
      seq: 6,
      state: states(phase("join", { status: "failed", started_at: 16, elapsed: 1, depends_on: [1] })),
    });
    await settled();
    find('[data-count="failed"]').click();
    await settled();
    expect(faint()).toEqual(["load", "slow", "quick"]);
    model.say({ type: "delta", seq: 7, now: 20, pipeline: {}, phases: [[0, { status: "failed" }]], logs: [] });
    await settled();
    expect(faint()).toEqual(["slow", "quick"]);
    find('[data-count="failed"]').click();
    await settled();
    expect(faint()).toEqual([]);
  });

  test("a phase more, defined in the notebook, changes nothing for the others but room", async () => {
    const before = ["load", "slow", "quick"].map((name) => node(name).style.left);
    const order = () => Number.parseFloat(node("slow").style.top) < Number.parseFloat(node("quick").style.top);
    const wasAbove = order();
    model.say({ type: "snapshot", seq: 6, state: snapshot([...phases, phase("more", { depends_on: [2] })], { status: "pending" }) });
    await settled();
    expect(node("more")).toBeTruthy();
    expect(["load", "slow", "quick"].map((name) => node(name).style.left)).toEqual(before);
    expect(order()).toBe(wasAbove);
  });

  test("keys zoom and show all again", async () => {
    const all = scale();
    press("+");
    await settled();
    expect(scale()).toBeCloseTo(all * 1.25);
    press("-");
    await settled();
    expect(scale()).toBeCloseTo(all);
    press("-");
    press("0");
    await settled();
    expect(scale()).toBeCloseTo(all);
  });

  test("a graph too large to be read is first shown near enough for names, at what matters, and says what is elsewhere", async () => {
    const many = (changes: Readonly<Record<number, Partial<Phase>>> = {}) =>
      Array.from({ length: 300 }, (_, i) => phase(`p${i}`, { depends_on: i ? [Math.max(0, i - 20)] : [], ...changes[i] }));
    const say = async (seq: number, changes: Readonly<Record<number, Partial<Phase>>>) => {
      model.say({ type: "snapshot", seq, state: snapshot(many(changes), { status: "running" }) });
      await settled();
    };
    const place = () => find(".milo-world").style.transform;
    const running = { status: "running", started_at: 10 } as const;
    await say(6, { 150: running, 290: running });
    expect(find("[role=listbox]").dataset["size"]).toBe("compact");
    expect(node("p150").textContent).toContain("p150");
    expect(el.querySelector('[data-phase="p290"]')).toBeNull();
    expect(find(".milo-overview").textContent).toMatch(/^\d+ of 300 in sight1 running elsewhere$/);
    const before = place();
    await say(7, { 150: running, 151: running, 290: running });
    expect(place()).toBe(before); // as long as something that matters is in sight
    find(".milo-overview button").click();
    await settled();
    expect(node("p290")).not.toBeNull();
    const button = () => find(".milo-zoom .milo-link");
    expect(button().textContent).toBe("Show all");
    button().click();
    await settled();
    expect([find("[role=listbox]").dataset["size"], button().textContent, el.querySelector(".milo-overview")]).toEqual([
      "far",
      "Show names",
      null,
    ]);
    button().click();
    await settled();
    expect(place()).toBe(before);
    await say(8, { 150: { status: "completed" }, 151: { status: "completed" }, 290: running });
    expect(node("p290")).not.toBeNull(); // what runs now has left it
  });

  test("a graph that has not begun is first shown from its beginning, and none beyond its margin", () => {
    const upstream = Array.from({ length: 300 }, (_, i) => (i < 20 ? [] : [i - 20, i - (i % 20)].slice(0, 1)));
    for (const horizontal of [true, false]) {
      const made = place(arrange(upstream), { ...options, horizontal });
      const room = { width: 800, height: 460 };
      const begin = homeView(made, room, []);
      const last = homeView(made, room, [299]);
      expect(horizontal ? begin.x : begin.y).toBe(20);
      expect(isInSight(made, begin, room, 10)).toBe(true);
      expect(isInSight(made, last, room, 299)).toBe(true);
      expect(horizontal ? last.x + made.width * last.k : last.y + made.height * last.k).toBeCloseTo((horizontal ? 800 : 460) - 20);
    }
  });

  test("far away only the selected phase is made, and what is pointed at is named", async () => {
    const many = Array.from({ length: 300 }, (_, i) => phase(`p${i}`, { depends_on: i ? [Math.max(0, i - 20)] : [] }));
    model.say({ type: "snapshot", seq: 6, state: snapshot(many, { status: "pending" }) });
    await settled();
    press("0");
    await settled();
    expect(find("[role=listbox]").dataset["size"]).toBe("far");
    expect([...el.querySelectorAll('[data-view="graph"] [data-phase]')].length).toBe(1);
    press("End");
    await settled();
    expect(node("p299").getAttribute("aria-selected")).toBe("true");
    expect(document.getElementById(find("[role=listbox]").getAttribute("aria-activedescendant") ?? "")).toBe(node("p299"));
    find("[role=listbox]").dispatchEvent(new PointerEvent("pointermove", { bubbles: true, ...centre("p299") }));
    await vi.waitFor(() => expect(find(".milo-tip").textContent).toBe("p299 pending"));
    find("[role=listbox]").dispatchEvent(new MouseEvent("click", { bubbles: true, ...centre("p299") }));
    await vi.waitFor(() => expect(model.get("expanded")).toBe(true));
  });
});
