import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseFromKernel, WireError } from "../src/wire";
import { parseFromBrowser } from "../src/wire-browser";

const folder = new URL("../../tests/wire/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name): [string, { direction: string; message: unknown; field?: string }] => [
    name,
    JSON.parse(readFileSync(new URL(name, folder), "utf8")),
  ]);
const parserOf = (direction: string) => (direction === "to-kernel" ? parseFromBrowser : parseFromKernel);

test("there are good and bad examples of both directions", () => {
  for (const direction of ["to-kernel", "to-browser"]) {
    const of = fixtures.filter(([, fixture]) => fixture.direction === direction);
    expect(of.filter(([name]) => name.startsWith("bad-")).length).toBeGreaterThan(3);
    expect(of.filter(([name]) => !name.startsWith("bad-")).length).toBeGreaterThan(3);
  }
});

test.each(fixtures.filter(([name]) => !name.startsWith("bad-")))(
  "%s is understood, every known field kept",
  (_, { direction, message }) => {
    const parsed = parserOf(direction)(message, "");
    expect(message).toMatchObject(JSON.parse(JSON.stringify(parsed)));
  },
);

test.each(fixtures.filter(([name]) => name.startsWith("bad-")))(
  "%s is refused and the wrong field is named",
  (_, { direction, message, field }) => {
    expect(() => parserOf(direction)(message, "")).toThrow(WireError);
    try {
      parserOf(direction)(message, "");
    } catch (error) {
      expect(error).toMatchObject({ field });
    }
  },
);

test("a field of a later version is left out, not refused", () => {
  expect(parseFromKernel({ type: "heartbeat", now: 1, seq: 2, mood: "good" }, "")).toEqual({ type: "heartbeat", now: 1, seq: 2 });
});

test("the bundle shortens no name that kernel or host knows", async () => {
  const { INTERNAL }: { INTERNAL: string } = await import(String(new URL("../scripts/short.mjs", import.meta.url)));
  const known = new Set(["selected_phase", "expanded", "auto_follow", "comm_id_", "snapshot", "widget_manager", "save_changes", "kernel"]);
  const collect = (value: unknown): void => {
    if (typeof value === "string") known.add(value); // looked up by its text: a status, a command
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      known.add(key);
      collect(inner);
    }
  };
  for (const [, { message }] of fixtures) collect(message);
  expect(INTERNAL.split(" ").filter((name) => known.has(name))).toEqual([]);
});
