// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { type Child, h, render } from "../src/dom/h";
import { useEffect, useMemo, useRef } from "../src/dom/hooks";

const drawer = () => {
  const root = document.createElement("div");
  return { root, draw: (child: Child) => render(child, root) };
};

test("what is drawn twice keeps its nodes and changes only what differs", () => {
  const { root, draw } = drawer();
  draw(<p title="a">one</p>);
  const [before] = root.children;
  draw(<p class="b">two</p>);
  expect(root.children[0]).toBe(before);
  expect(root.innerHTML).toBe('<p class="b">two</p>');
});

test("text is text, and nothing stands for null, false or an empty string", () => {
  const { root, draw } = drawer();
  draw(["<b>", null, false, "", undefined, 0]);
  expect(root.textContent).toBe("<b>0");
  expect(root.childNodes.length).toBe(2);
});

test.each([
  ["cab", "abc"],
  ["abc", "bcd"],
  ["bcd", "abc"],
  ["abcdef", "fb"],
  ["", "xyz"],
  ["axbycz", "zcybxa"],
])("keyed children %s become %s with the same nodes", (from, to) => {
  const { root, draw } = drawer();
  const list = (keys: string) => [<i />, [...keys].map((key) => <b key={key}>{key}</b>), <u />];
  draw(list(from));
  const before = new Map([...root.querySelectorAll("b")].map((node) => [node.textContent, node]));
  draw(list(to));
  expect(root.textContent).toBe(to);
  for (const node of root.querySelectorAll("b")) {
    if (before.has(node.textContent)) expect(node).toBe(before.get(node.textContent));
  }
  expect([...root.children].map((node) => node.tagName)).toEqual(["I", ...[...to].map(() => "B"), "U"]);
});

test("what comes and goes between two others leaves them alone, whatever it is made of", () => {
  const { root, draw } = drawer();
  const Pair = () => [<b>1</b>, <b>2</b>];
  const page = (isThere: boolean) => (
    <>
      <input />
      {isThere ? <Pair /> : null}
      <hr />
    </>
  );
  draw(page(false));
  const [input, rule] = root.children;
  draw(page(true));
  expect([...root.children].map((node) => node.tagName)).toEqual(["INPUT", "B", "B", "HR"]);
  draw(page(false));
  expect([...root.children]).toEqual([input, rule]);
});

test("another kind in the same place is another node", () => {
  const { root, draw } = drawer();
  draw([<p>a</p>, "end"]);
  draw([<b>a</b>, "end"]);
  expect(root.innerHTML).toBe("<b>a</b>end");
});

test("a handler, a value and a style are properties; null takes an attribute away", () => {
  const { root, draw } = drawer();
  let clicks = 0;
  draw(<input class="x" data-on={true} style="color: red" value="v" onClick={() => clicks++} />);
  const input = root.querySelector("input");
  input?.click();
  expect([clicks, input?.value, input?.style.color, input?.getAttribute("data-on")]).toEqual([1, "v", "red", "true"]);
  draw(<input value="w" />);
  input?.click();
  expect([clicks, input?.value, input?.style.color, input?.hasAttribute("class")]).toEqual([1, "w", "", false]);
});

test("drawings are SVG, what stands around them is not", () => {
  const { root, draw } = drawer();
  draw(
    <p>
      <svg aria-hidden="true">
        <path d="M0 0" />
      </svg>
      <b />
    </p>,
  );
  expect(root.querySelector("path")?.namespaceURI).toBe("http://www.w3.org/2000/svg");
  expect(root.querySelector("b")?.namespaceURI).toBe("http://www.w3.org/1999/xhtml");
});

test("effects run when the page is as drawn, children's first, and end with other inputs or with their component", () => {
  const { root, draw } = drawer();
  const said: string[] = [];
  const Part = ({ name, input, children }: { name: string; input: number; children?: Child }) => {
    const element = useRef<HTMLElement | null>(null);
    useEffect(
      (ending) => {
        said.push(`${name} ${input} in ${element.current?.parentElement?.tagName}`);
        ending.addEventListener("abort", () => said.push(`${name} ${input} ends`));
      },
      [input],
    );
    return <b ref={element}>{children}</b>;
  };
  const page = (outer: number, inner: number) => (
    <Part name="outer" input={outer}>
      <Part name="inner" input={inner} />
    </Part>
  );
  draw(page(1, 1));
  expect(said.splice(0)).toEqual(["inner 1 in B", "outer 1 in DIV"]);
  draw(page(1, 2));
  expect(said.splice(0)).toEqual(["inner 1 ends", "inner 2 in B"]);
  draw(null);
  expect(said.splice(0).sort()).toEqual(["inner 2 ends", "outer 1 ends"]);
  expect(root.childNodes.length).toBe(0);
});

test("a memo is made anew for other inputs only; a pure component is drawn for other props only", () => {
  const { root, draw } = drawer();
  let made = 0;
  const Memo = ({ on }: { on: number }) => useMemo(() => ++made, [on]);
  for (const on of [1, 1, 2]) draw(<Memo on={on} />);
  expect(made).toBe(2);
  let drawn = 0;
  const Pure = ({ name }: { name: string }) => {
    drawn++;
    return [<b>{name}</b>, <i />];
  };
  Pure.isPure = true;
  for (const name of ["a", "a", "b"]) draw([<Pure name={name} />, h("hr", null)]);
  expect(drawn).toBe(2);
  expect(root.innerHTML).toBe("<b>b</b><i></i><hr>");
});

test("a key is never taken for a place, and of two children with one key none is lost", () => {
  const { root, draw } = drawer();
  draw([<i />, <b key={0}>0</b>, <u key={1}>1</u>, "end"]);
  expect(root.innerHTML).toBe("<i></i><b>0</b><u>1</u>end");
  draw([<b key="x">1</b>, <b key="x">2</b>]);
  expect(root.innerHTML).toBe("<b>1</b><b>2</b>");
});
