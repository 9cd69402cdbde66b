/** Terminal colours as data: a line's text in pieces with their style. No HTML is ever made of it. */
import Anser from "anser";
import { plain } from "../state/logs";

export interface Piece {
  readonly text: string;
  /** Class names of ours: `milo-ansi-red`, `milo-ansi-bg-blue`, `milo-ansi-bold`. */
  readonly names: readonly string[];
  /** `rgb(...)` of 256 and true colours. */
  readonly colour?: string;
  readonly background?: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
const NOT_COLOUR = /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b\[(?![0-9;:]*m)[0-?]*[ -/]*[@-~]?|\u001b(?!\[)[ -/]*[0-~]?|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const COLON_COLOUR = /\u001b\[([0-9;:]*:[0-9;:]*)m/g;
const DECORATIONS = new Set(["bold", "dim", "italic", "underline", "strikethrough", "reverse"]);
const NAMED = /^ansi-(?:bright-)?(?:black|red|green|yellow|blue|magenta|cyan|white)$/;

export function pieces(line: string): readonly Piece[] {
  if (!line.includes("\u001b")) return [{ text: line.replace(NOT_COLOUR, ""), names: [] }];
  const text = line.replace(COLON_COLOUR, semicolons).replace(NOT_COLOUR, "");
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((token): Piece => {
    const decorations = (token.decorations ?? []).filter((name) => DECORATIONS.has(name));
    const names = decorations.map((name) => `milo-ansi-${name}`);
    if (token.fg && NAMED.test(token.fg)) names.push(`milo-${token.fg}`);
    if (token.bg && NAMED.test(token.bg)) names.push(`milo-${token.bg.replace("ansi-", "ansi-bg-")}`);
    const colour = rgb(token.fg, token.fg_truecolor);
    const background = rgb(token.bg, token.bg_truecolor);
    return { text: plain(token.content), names, ...(colour ? { colour } : {}), ...(background ? { background } : {}) };
  });
}

/** `38:2::r:g:b` and `38:5:n` as the semicolon form that the parser knows. */
function semicolons(_: string, parameters: string): string {
  const known = parameters.split(";").map((part) => part.replace(/^([34]8):2:\d*:(\d+):(\d+):(\d+)$/, "$1:2:$2:$3:$4").replaceAll(":", ";"));
  return `\u001b[${known.join(";")}m`;
}

function rgb(name: string | null, truecolour: string | null): string {
  if (truecolour && /^\d+, ?\d+, ?\d+$/.test(truecolour)) return `rgb(${truecolour})`;
  const index = /^ansi-palette-(\d+)$/.exec(name ?? "")?.[1];
  return index === undefined ? "" : palette(Number(index));
}

/** The 216 colour cube and 24 greys of xterm's palette. */
function palette(index: number): string {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const level = (step: number) => (step ? 55 + step * 40 : 0);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36) % 6)}, ${level(Math.floor(cube / 6) % 6)}, ${level(cube % 6)})`;
}
