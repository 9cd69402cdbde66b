import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseSources } from "../src/view/inspector/info";
import { parseNow } from "../src/view/inspector/now";
import { parseLook } from "../src/view/inspector/result";

test.each([
  ["answer-result", parseLook],
  ["answer-source", parseSources],
  ["answer-now", parseNow],
])("what the kernel's tests say of %s can be read here", (name, parse) => {
  const told = JSON.parse(readFileSync(new URL(`../../tests/wire/${name}.json`, import.meta.url), "utf8"));
  expect(told.message.body).toMatchObject(parse(told.message.body, "body"));
});
