/**
 * Elements as values, and the one function that makes the page look like them.
 *
 * A fifth of Preact's size, for what this view needs: all of it is drawn anew by its caller, so there is no scheduler
 * and no component class. The rules: text is only ever set as text; children are matched by key, else by place, and
 * by kind; handlers, `value` and `style` are properties, all else are attributes; effects run when the page is as drawn.
 */
export type Child = VNode | string | number | boolean | null | undefined | readonly Child[];
type Props = Readonly<Record<string, unknown>>;

/** Each component knows its own props, the renderer none of them. */
export interface Component<P = never> {
  (props: P): Child;
  /** Is it drawn again only when a prop changed? */
  isPure?: boolean;
}

/** A tag's name, "" for text, or a component. */
export type Tag = string | Component;

export interface VNode {
  readonly tag: Tag;
  readonly props: Props;
}

export interface Ref<T> {
  current: T;
}

/** What stays of a component between drawings, in the order it was asked for. */
interface Slot {
  ending?: AbortController;
}

interface Shown {
  readonly tag: Tag;
  props: Props;
  readonly node: Element | Text | null;
  readonly slots: Slot[];
  shown: Map<string, Shown>;
}

/** Where the next node goes: before `next`. */
interface Place {
  readonly parent: Element;
  next: Node | null;
}

export function h(tag: Tag, props: Props | null, ...children: Child[]): VNode {
  return { tag, props: { ...props, children } };
}

export const Fragment = ({ children }: { readonly children?: Child }): Child => children;

const roots = new WeakMap<Element, Map<string, Shown>>();
let current: Slot[] = [];
let asked = 0;
let effects: (() => void)[] = [];

/** Makes the children of `root` look like `child`; `null` takes all of it out again. */
export function render(child: Child, root: Element): void {
  roots.set(root, update(roots.get(root) ?? new Map(), child, { parent: root, next: root.firstChild }));
  const due = effects;
  effects = [];
  for (const run of due) run();
}

/** The running component's next slot. */
export function slot<S extends object>(make: () => S): S {
  current[asked] ??= make();
  return current[asked++] as S;
}

/** Has `run` run once the page is as drawn. */
export function afterwards(run: () => void): void {
  effects.push(run);
}

function update(before: Map<string, Shown>, child: Child, place: Place): Map<string, Shown> {
  const wanted = new Map<string, VNode>();
  collect(child, "", wanted);
  const after = new Map<string, Shown>();
  for (const [key, shown] of before) if (wanted.get(key)?.tag !== shown.tag) remove(shown, place);
  for (const [key, { tag, props }] of wanted) {
    const old = before.get(key);
    after.set(key, show(old?.tag === tag ? old : null, tag, props, place));
  }
  return after;
}

/** Flattens to a list of keyed elements; text becomes one too. Places and keys never meet, and of twins none is lost. */
function collect(child: Child, path: string, into: Map<string, VNode>): void {
  if (Array.isArray(child)) {
    for (const [i, one] of child.entries()) collect(one, `${path}${one?.props?.key === undefined ? `/${i}` : `=${one.props.key}`}`, into);
  } else if (child !== null && child !== undefined && child !== "" && typeof child !== "boolean") {
    let key = path;
    while (into.has(key)) key += "+";
    into.set(key, typeof child === "object" ? (child as VNode) : { tag: "", props: { data: `${child}` } });
  }
}

function show(old: Shown | null, tag: Tag, props: Props, place: Place): Shown {
  const shown = old ?? { tag, props: {}, node: create(tag, place.parent), slots: [], shown: new Map<string, Shown>() };
  const { node, props: last } = shown;
  shown.props = props;
  if (!node) {
    const component = tag as Component<Props>;
    if (old && component.isPure && isSame(last, props)) skip(shown, place);
    else drawComponent(shown, component, place);
    return shown;
  }
  for (const name in { ...last, ...props }) if (last[name] !== props[name]) assign(node, name, props[name]);
  if (node instanceof Element) shown.shown = update(shown.shown, props["children"] as Child, { parent: node, next: node.firstChild });
  put(node, place);
  return shown;
}

function drawComponent(shown: Shown, component: Component<Props>, place: Place): void {
  const outer = [current, asked, effects] as const;
  [current, asked, effects] = [shown.slots, 0, []];
  const child = component(shown.props);
  const own = effects;
  [current, asked, effects] = outer;
  shown.shown = update(shown.shown, child, place);
  effects.push(...own); // a child's effects come before its parent's
}

function create(tag: Tag, parent: Element): Element | Text | null {
  if (typeof tag === "function") return null;
  if (!tag) return document.createTextNode("");
  return document.createElementNS(tag === "svg" ? "http://www.w3.org/2000/svg" : parent.namespaceURI, tag);
}

function put(node: Node, place: Place): void {
  if (node === place.next) place.next = node.nextSibling;
  else place.parent.insertBefore(node, place.next);
}

/** Passes over what stays as it is. */
function skip({ node, shown }: Shown, place: Place): void {
  if (node) put(node, place);
  else for (const one of shown.values()) skip(one, place);
}

function isSame(a: Props, b: Props): boolean {
  return Object.keys(b).every((name) => name === "children" || a[name] === b[name]);
}

function assign(node: Element | Text, name: string, value: unknown): void {
  const properties = node as unknown as Record<string, unknown>;
  if (name === "key" || name === "children") return;
  if (name === "ref") (value as Ref<unknown>).current = node;
  else if (name === "style") (node as HTMLElement).style.cssText = `${value ?? ""}`;
  else if (name === "value" || name === "data") properties[name] = value;
  else if (name.startsWith("on")) properties[name.toLowerCase()] = value ?? null;
  else if (value === undefined || value === null) (node as Element).removeAttribute(name);
  else (node as Element).setAttribute(name, `${value}`);
}

/** Takes it out of the page (unless what it is in goes anyway) and ends its effects. */
function remove({ node, props, slots, shown }: Shown, place: Place | null): void {
  for (const { ending } of slots) ending?.abort();
  if (props["ref"]) (props["ref"] as Ref<unknown>).current = null;
  if (place && node) {
    if (node === place.next) place.next = node.nextSibling;
    node.remove();
  }
  for (const one of shown.values()) remove(one, node ? null : place);
}
