/** What TypeScript and the test runner know of JSX; the bundle calls `h` itself, which is a quarter smaller. */
import { type Child, type Component, Fragment, h, type Ref, type Tag, type VNode } from "./h";

export { Fragment };

export function jsx(tag: Tag, { children, ...props }: { readonly children?: Child }, key?: string | number): VNode {
  return h(tag, { ...props, key }, children);
}
export const jsxs = jsx;

type Text = string | undefined;
type Handler<E, Of> = ((event: Of & { readonly currentTarget: E }) => void) | undefined;

export interface Attributes<E = HTMLDivElement> {
  readonly key?: string | number;
  readonly ref?: Ref<E | null>;
  readonly children?: Child;
  readonly class?: Text;
  readonly style?: Text;
  readonly title?: Text;
  readonly dir?: Text;
  readonly id?: Text;
  readonly role?: Text;
  readonly tabIndex?: number;
  readonly type?: string;
  readonly value?: string;
  readonly placeholder?: string;
  readonly name?: string;
  readonly popover?: string;
  /** Only `""` and nothing: attributes of no value. */
  readonly checked?: "" | undefined;
  readonly disabled?: "" | undefined;
  readonly onSubmit?: Handler<E, SubmitEvent>;
  readonly onClick?: Handler<E, MouseEvent>;
  readonly onInput?: Handler<E, Event>;
  readonly onKeyDown?: Handler<E, KeyboardEvent>;
  readonly onPointerMove?: Handler<E, PointerEvent>;
  readonly onPointerDown?: Handler<E, PointerEvent>;
  readonly onPointerLeave?: Handler<E, PointerEvent>;
  readonly onFocus?: Handler<E, FocusEvent>;
  readonly onBlur?: Handler<E, FocusEvent>;
  readonly onScroll?: Handler<E, Event>;
  readonly [named: `${"aria" | "data"}-${string}`]: unknown;
}

interface Embedded<E> extends Attributes<E> {
  readonly src?: string;
  readonly srcdoc?: string;
  readonly sandbox?: string;
  readonly alt?: string;
  readonly width?: Drawn<E>["width"] | undefined;
}

interface Linked<E> extends Attributes<E> {
  readonly href?: string;
  readonly target?: string;
  readonly rel?: string;
}

interface Drawn<E> extends Attributes<E> {
  readonly width?: number | string;
  readonly height?: number | string;
  readonly viewBox?: string;
  readonly d?: string;
  readonly fill?: string;
  readonly stroke?: string;
}

export declare namespace JSX {
  type Element = VNode;
  type ElementType = keyof IntrinsicElements | Component;
  type IntrinsicElements = { [K in keyof HTMLElementTagNameMap]: Attributes<HTMLElementTagNameMap[K]> } & {
    svg: Drawn<SVGSVGElement>;
    path: Drawn<SVGPathElement>;
    a: Linked<HTMLAnchorElement>;
    img: Embedded<HTMLImageElement>;
    iframe: Embedded<HTMLIFrameElement>;
  };
  interface IntrinsicAttributes {
    readonly key?: string | number;
  }
  interface ElementChildrenAttribute {
    readonly children: unknown;
  }
}
