import { expect, test } from "vitest";
import { pieces, plain } from "../src/ansi";
import { contrast, indexed, legible, paint, type Rgb } from "../src/colours";

test.each([
  ["plain text", [["plain text", "", "", ""]]],
  [
    "\u001b[32mok\u001b[0m done",
    [
      ["ok", "var(--m-ok)", "", ""],
      [" done", "", "", ""],
    ],
  ],
  [
    "\u001b[1;4;91mX\u001b[22;24;39mY",
    [
      ["X", "var(--m-fail)", "", "milo-bold milo-underline"],
      ["Y", "", "", ""],
    ],
  ],
  [
    "\u001b[38;5;196mX\u001b[48;5;250mY",
    [
      ["X", "light-dark(rgb(204,0,0),rgb(255,115,115))", "", ""],
      ["Y", "rgb(153,0,0)", "rgb(188,188,188)", ""],
    ],
  ],
  ["\u001b[38;2;1;2;999mX", [["X", "light-dark(rgb(1,2,255),rgb(153,154,255))", "", ""]]],
  ["\u001b[38:2::1:2:3mX", [["X", "light-dark(rgb(1,2,3),rgb(166,166,167))", "", ""]]],
  ["\u001b[38:2:1:2:3mX", [["X", "light-dark(rgb(1,2,3),rgb(166,166,167))", "", ""]]],
  ["\u001b[38:5:9mX", [["X", "var(--m-fail)", "", ""]]],
  ["\u001b[mX\u001b[", [["X", "", "", ""]]],
  [
    "a\u001b[2Kb\u001b[?25lc",
    [
      ["a", "", "", ""],
      ["b", "", "", ""],
      ["c", "", "", ""],
    ],
  ],
  [
    "\u001b]8;;https://x.y\u0007link\u001b]8;;\u001b\\!",
    [
      ["link", "", "", ""],
      ["!", "", "", ""],
    ],
  ],
  ["<img src=x onerror=alert(1)>", [["<img src=x onerror=alert(1)>", "", "", ""]]],
])("terminal colours of %j", (text, expected) => {
  expect(pieces(text).map((one) => [one.text, one.colour, one.background, one.names])).toEqual(expected);
});

test("without colours the text is what a person reads", () => {
  expect(plain("\u001b[1mbold\u001b[0m\u0007 and\ttab")).toBe("bold and\ttab");
});

test("any colour can be read on any ground, in either theme", () => {
  const some: Rgb[] = [0, 60, 128, 200, 255].flatMap((r) => [0, 128, 255].flatMap((g) => [0, 90, 255].map((b): Rgb => [r, g, b])));
  for (const colour of some) for (const ground of some) expect(contrast(legible(colour, ground), ground)).toBeGreaterThanOrEqual(4.5);
});

test("all of the 256 colours are text that can be read in light and in dark", () => {
  const grounds: readonly Rgb[] = [
    [232, 228, 218],
    [58, 50, 36],
  ];
  for (let index = 16; index < 256; index++) {
    const [css] = paint(indexed(index), null);
    const shown = [...css.matchAll(/rgb\((\d+),(\d+),(\d+)\)/g)].map(([, ...parts]) => parts.map(Number) as unknown as Rgb);
    const [light, dark] = [shown[0], shown[1] ?? shown[0]];
    if (!light || !dark) throw new Error(`${index}: ${css}`);
    expect(contrast(light, grounds[0] as Rgb)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(dark, grounds[1] as Rgb)).toBeGreaterThanOrEqual(4.5);
  }
});

test("a colour that reads well is left as it is", () => {
  expect(legible([0, 0, 120], [255, 255, 255])).toEqual([0, 0, 120]);
});

test("turned round, text and ground change places", () => {
  const [first] = pieces("\u001b[7;31mX");
  expect(first?.names).toBe("");
  expect(first?.background).toBe("light-dark(rgb(207,34,46),rgb(255,123,114))");
  expect(pieces("\u001b[7mX")[0]?.names).toBe("milo-reverse");
});

test("a program's own link is told of, and an unfinished one is not", () => {
  expect(pieces("\u001b]8;id=1;https://x.y/\u001b\\go\u001b]8;;\u001b\\ on").map(({ text, link }) => [text, link])).toEqual([
    ["go", "https://x.y/"],
    [" on", ""],
  ]);
  expect(plain("a\u001b]8;;https://x.y")).toBe("a");
});
