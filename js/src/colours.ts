/** Colours that anybody may ask for, made readable: text keeps a contrast of 4.5 to what it stands on, in either theme. Pure. */

export type Rgb = readonly [number, number, number];
/** A colour as asked for: one of our eight, which each theme has its own of, or any. */
export type Ink = number | Rgb;

/** Our names for black, red, green, yellow, blue, magenta, cyan and white. */
const NAMES = ["idle", "fail", "ok", "warn", "run", "skip", "cyan", "muted"];
/** The same as numbers, in light and dark: what the style sheet says. */
const PALETTE = [
  [0x59636e, 0xcf222e, 0x1a7f37, 0x8a5d00, 0x0969da, 0x6639ba, 0x1b6f78, 0x4d4d4d],
  [0x9ea7b1, 0xff7b72, 0x3fb950, 0xd29922, 0x58a6ff, 0xc297ff, 0x56d4dd, 0xb8b8b8],
] as const;
/** What lines stand on, at worst: a row under the pointer, a match. */
const GROUND: readonly [Rgb, Rgb] = [
  [232, 228, 218],
  [58, 50, 36],
];
const TEXT: readonly [Rgb, Rgb] = [
  [20, 20, 20],
  [240, 240, 240],
];
const ENOUGH = 4.5;
type Theme = 0 | 1;

/** The CSS of text and background in these colours; `null` is the default. */
export function paint(text: Ink | null, ground: Ink | null): readonly [text: string, ground: string] {
  if (ground === null) return [text === null ? "" : isNamed(text) ? named(text) : both((theme) => legible(text, GROUND[theme])), ""];
  return [
    both((theme) => legible(text === null ? TEXT[theme] : inTheme(text, theme), inTheme(ground, theme))),
    both((theme) => inTheme(ground, theme)),
  ];
}

/** xterm's 256 colours: 16 named, a cube of 216, 24 greys. */
export function indexed(index: number): Ink {
  if (index < 16) return index % 8;
  if (index > 231) return grey(8 + (Math.min(index, 255) - 232) * 10);
  const step = (unit: number) => {
    const level = Math.floor((index - 16) / unit) % 6;
    return level && 55 + level * 40;
  };
  return [step(36), step(6), step(1)];
}

/** How well one colour stands out from another: 1 not at all, 21 black on white. */
export function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** The colour, moved towards black or white as far as it takes. */
export function legible(colour: Rgb, ground: Rgb): Rgb {
  const end = luminance(ground) > 0.18 ? 0 : 255;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = colour.map((part) => Math.round(part + (end - part) * share)) as unknown as Rgb;
    if (contrast(mixed, ground) >= ENOUGH) return mixed;
  }
  return grey(end);
}

const isNamed = (ink: Ink): ink is number => typeof ink === "number";
const named = (index: number): string => `var(--m-${NAMES[index % 8]})`;
const grey = (part: number): Rgb => [part, part, part];

function inTheme(ink: Ink, theme: Theme): Rgb {
  if (!isNamed(ink)) return ink;
  const hex = PALETTE[theme][ink % 8] ?? 0;
  return [hex >> 16, (hex >> 8) & 255, hex & 255];
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function both(colour: (theme: Theme) => Rgb): string {
  const [light, dark] = [`rgb(${colour(0)})`, `rgb(${colour(1)})`];
  return light === dark ? light : `light-dark(${light},${dark})`;
}
