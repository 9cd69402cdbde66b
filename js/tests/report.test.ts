// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { failing } from "./samples";
import { type Shown, show } from "./shown";

let shown: Shown;
let saved: { readonly name: string; readonly blob: Blob }[];
beforeEach(async () => {
  saved = [];
  const blobs: Blob[] = [];
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => `blob:${blobs.push(blob as Blob)}`);
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push({ name: this.download, blob: blobs.at(-1) as Blob });
  });
  shown = await show(failing);
});
afterEach(() => {
  shown.end();
  vi.restoreAllMocks();
});

const button = () => shown.find('[aria-label="Save a report"]');
const told = () => button().previousElementSibling?.textContent ?? "";
const piece = async (text: string, body: object, error = "") => {
  const ask = shown.asked("report").at(-1);
  const bytes = new TextEncoder().encode(text);
  const data = text ? [new DataView(bytes.buffer)] : [];
  shown.model.say({ type: "answer", id: ask?.id, done: true, error, body }, data);
  await shown.settled();
};

test("it comes in pieces and is saved as one file, and what is saved is said", async () => {
  button().click();
  await shown.settled();
  expect(told()).toBe("The report is being made…");
  await piece("<!doctype ", { name: "site-report.html", size: 15, start: 0, made: 7 });
  expect(shown.asked("report").map(({ args }) => args)).toEqual([
    { start: 0, made: 0 },
    { start: 10, made: 7 },
  ]);
  await piece("html>", { name: "site-report.html", size: 15, start: 10, made: 7 });
  expect(saved.map(({ name }) => name)).toEqual(["site-report.html"]);
  expect(await saved[0]?.blob.text()).toBe("<!doctype html>");
  expect(told()).toBe(
    "Download started: site-report.html, 15 bytes. If no file comes, allow downloads for this page, or run %milo report in a cell.",
  );
});

test.each([
  ["what the kernel says", "", {}, "Newer reports have been made meanwhile.", "Newer reports have been made meanwhile."],
  ["an answer that makes no sense", "x", { size: "large" }, "", "The report could not be saved: "],
  ["a piece without bytes", "", { name: "a", size: 9, start: 0, made: 1 }, "", "The report could not be saved: a piece has no bytes."],
])("%s is told, and the button can be used again", async (_, text, body, error, sentence) => {
  button().click();
  await piece(text, body, error);
  expect(told()).toContain(sentence);
  expect(saved).toEqual([]);
  button().click();
  expect(shown.asked("report").length).toBe(2);
});

test("a browser that refuses to save files is told of", async () => {
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
    throw new Error("denied");
  });
  button().click();
  await piece("x", { name: "a", size: 1, start: 0, made: 1 });
  expect(told()).toBe("The browser refused to save a file. `%milo report` in a cell writes it beside the notebook.");
});
