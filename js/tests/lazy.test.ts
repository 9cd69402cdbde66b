import { beforeEach, expect, test, vi } from "vitest";
import type { Port } from "../src/state/store";

beforeEach(() => vi.resetModules());

const portOf = (connection: string) => {
  const ask = vi.fn(() => () => {});
  return { port: { state: { value: { connection } }, ask } as unknown as Port, ask };
};

test("the later part is not there at first, and comes when the kernel has spoken", async () => {
  const { useMore } = await import("../src/view/lazy");
  expect(useMore(portOf("connecting").port)).toBeNull();
  const { port } = portOf("live");
  expect(useMore(port)).toBeNull();
  await vi.waitFor(() => expect(useMore(port)).toMatchObject({ Inspector: expect.anything(), Timeline: expect.anything() }));
});

test("why it does not come is told, and it is asked for again after a while", async () => {
  vi.doMock("../src/more", () => {
    throw new Error("The kernel sent nothing.");
  });
  const { useMore, whyNotMore } = await import("../src/view/lazy");
  vi.useFakeTimers();
  const { port } = portOf("live");
  expect(useMore(port)).toBeNull();
  await vi.waitFor(() => expect(whyNotMore()).not.toBe(""));
  vi.doUnmock("../src/more");
  expect(useMore(port)).toBeNull();
  vi.advanceTimersByTime(10_000);
  useMore(port);
  vi.useRealTimers();
  await vi.waitFor(() => expect(useMore(port)).not.toBeNull());
  expect(whyNotMore()).toBe("");
});
