/** Terminal colours (ECMA-48 SGR) and links (OSC 8) as data: a line's text in pieces with their style. No HTML is ever made of it. */
import { type Ink, indexed, paint } from "./colours";

export interface Piece {
  readonly text: string;
  /** A CSS colour, "" for the default. */
  readonly colour: string;
  readonly background: string;
  /** Class names of ours, such as `milo-bold`. */
  readonly names: string;
  /** Where the text leads to, as the program said: not checked. */
  readonly link: string;
}

// Every escape sequence, finished or not, and every control character but the tab. Only SGR (`…m`) and links are acted upon.
const CONTROL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /\u001b\[([0-9;:]*)m|\u001b\[[0-?]*[ -/]*[@-~]?|\u001b\]8;[^;\u0007\u001b]*;([^\u0007\u001b]*)(?:\u0007|\u001b\\)|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]?|[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f]/g;
const STYLES: Readonly<Record<number, string>> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike" };

/** What the codes so far have made of the pen. */
interface Pen {
  readonly styles: Set<string>;
  text: Ink | null;
  ground: Ink | null;
}

export function pieces(line: string): readonly Piece[] {
  const found: Piece[] = [];
  const pen: Pen = { styles: new Set(), text: null, ground: null };
  let link = "";
  let from = 0;
  const push = (to: number) => {
    const text = line.slice(from, to);
    if (text) found.push({ text, ...styleOf(pen), link });
  };
  for (const match of line.matchAll(CONTROL)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[1] !== undefined) apply(pen, match[1]);
    else if (match[2] !== undefined) link = match[2];
  }
  push(line.length);
  return found;
}

/** The line as plain text. */
export function plain(line: string): string {
  return line.replace(CONTROL, "");
}

function styleOf({ styles, text, ground }: Pen): Omit<Piece, "text" | "link"> {
  const names = [...styles].filter((style) => style !== "reverse" || (text === null && ground === null));
  const isTurned = styles.size > names.length; // of two colours the style sheet cannot know
  const [colour, background] = isTurned ? paint(ground, text ?? 7) : paint(text, ground);
  return { colour, background, names: names.map((style) => `milo-${style}`).join(" ") };
}

function apply(pen: Pen, sequence: string): void {
  const codes = sequence.split(/[;:]/).map(Number);
  if (/[34]8:2:\d*:\d+:\d+:\d+/.test(sequence)) codes.splice(2, 1); // the colon form has a colour space before r:g:b
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    const style = STYLES[code];
    if (code === 0) {
      pen.styles.clear();
      pen.text = pen.ground = null;
    } else if (style) pen.styles.add(style);
    else if (code === 22) for (const name of ["bold", "dim"]) pen.styles.delete(name);
    else if (code > 22 && code < 30) pen.styles.delete(STYLES[code - 20] ?? "");
    else if (code === 38 || code === 48) {
      const isTrue = codes[i + 1] === 2;
      const chosen = isTrue ? rgb(codes.slice(i + 2, i + 5)) : indexed(codes[i + 2] || 0);
      i += isTrue ? 4 : 2;
      if (code === 38) pen.text = chosen;
      else pen.ground = chosen;
    } else {
      const base = code % 10;
      const tens = Math.floor(code / 10);
      if (base > 7 && base !== 9) continue;
      const chosen = base === 9 ? null : base;
      if (tens === 3 || tens === 9) pen.text = chosen;
      if (tens === 4 || tens === 10) pen.ground = chosen;
    }
  }
}

function rgb([red = 0, green = 0, blue = 0]: readonly number[]): Ink {
  const part = (value: number) => Math.min(255, value || 0);
  return [part(red), part(green), part(blue)];
}
