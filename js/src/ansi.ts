/** Terminal colours (ECMA-48 SGR) as data: a line's text in pieces with their style. No HTML is ever made of it. */

export interface Piece {
  readonly text: string;
  /** A CSS colour, "" for the default. */
  readonly colour: string;
  readonly background: string;
  /** Class names of ours, such as `milo-bold`. */
  readonly names: string;
}

// Every escape sequence, finished or not, and every control character but the tab. Only SGR (`…m`) is acted upon.
const CONTROL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /\u001b\[([0-9;:]*)m|\u001b\[[0-?]*[ -/]*[@-~]?|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]?|[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f]/g;
/** Our names for black, red, green, yellow, blue, magenta, cyan and white: colours that can be read in either theme. */
const NAMES = ["idle", "fail", "ok", "warn", "run", "skip", "cyan", "muted"];
const STYLES: Readonly<Record<number, string>> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike" };

export function pieces(line: string): readonly Piece[] {
  const found: Piece[] = [];
  const styles = new Set<string>();
  let colour = "";
  let background = "";
  let from = 0;
  const push = (to: number) => {
    const text = line.slice(from, to);
    if (text) found.push({ text, colour, background, names: [...styles].map((style) => `milo-${style}`).join(" ") });
  };
  for (const match of line.matchAll(CONTROL)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[1] === undefined) continue;
    const codes = match[1].split(/[;:]/).map(Number);
    if (/[34]8:2:\d*:\d+:\d+:\d+/.test(match[1])) codes.splice(2, 1); // the colon form has a colour space before r:g:b
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] ?? 0;
      const style = STYLES[code];
      if (code === 0) {
        styles.clear();
        colour = background = "";
      } else if (style) styles.add(style);
      else if (code === 22) for (const name of ["bold", "dim"]) styles.delete(name);
      else if (code > 22 && code < 30) styles.delete(STYLES[code - 20] ?? "");
      else if (code === 38 || code === 48) {
        const isTrue = codes[i + 1] === 2;
        const chosen = isTrue ? rgb(codes.slice(i + 2, i + 5)) : indexed(codes[i + 2] ?? 0);
        i += isTrue ? 4 : 2;
        if (code === 38) colour = chosen;
        else background = chosen;
      } else {
        const base = code % 10;
        const tens = Math.floor(code / 10);
        if (base > 7 && base !== 9) continue;
        if (tens === 3 || tens === 9) colour = base === 9 ? "" : named(base);
        if (tens === 4 || tens === 10) background = base === 9 ? "" : named(base);
      }
    }
  }
  push(line.length);
  return found;
}

/** The line as plain text. */
export function plain(line: string): string {
  return line.replace(CONTROL, "");
}

const named = (index: number): string => `var(--m-${NAMES[index % 8]})`;

function rgb(parts: readonly number[]): string {
  return `rgb(${parts.map((part) => Math.min(255, part || 0)).join()})`;
}

/** xterm's 256 colours: 16 named, a cube of 216, 24 greys. */
function indexed(index: number): string {
  if (index < 16) return named(index);
  if (index > 231) return rgb(Array(3).fill(8 + (index - 232) * 10));
  return rgb([36, 6, 1].map((unit) => Math.floor((index - 16) / unit) % 6).map((step) => step && 55 + step * 40));
}
