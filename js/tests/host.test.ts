import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ACK_AFTER_MS, ACK_EVERY, GIVE_UP_AFTER_MS, GONE_AFTER_MS, openHost, QUEUED_AFTER_MS } from "../src/host";
import { ESCALATE_AFTER_MS } from "../src/lanes";
import { type FakeModel, fakeModel } from "./model";
import { failing, lines, phase, snapshot } from "./samples";

let ending: AbortController;
beforeEach(() => {
  vi.useFakeTimers();
  ending = new AbortController();
});
afterEach(() => {
  ending.abort();
  vi.useRealTimers();
});

const open = (model: FakeModel) => openHost(model, ending.signal, () => Date.now());
const answer = (model: FakeModel, phases = [phase("load")], seq = 5) =>
  model.say({ type: "snapshot", seq, state: snapshot(phases, { seq }) });
const types = (messages: FakeModel["sent"]) => messages.map((message) => message.type);

test("says hello once, takes the snapshot, acknowledges it", () => {
  const model = fakeModel();
  const { state } = open(model);
  expect(types(model.sent)).toEqual(["hello"]);
  expect(state.value.connection).toBe("connecting");
  answer(model);
  expect(state.value).toMatchObject({ connection: "live", seq: 5 });
  expect(model.sent.at(-1)).toEqual({ type: "ack", seq: 5 });
});

test("acknowledges several deltas at once, and the last of them after a moment", () => {
  const model = fakeModel();
  open(model);
  answer(model);
  model.sent.length = 0;
  const delta = (seq: number) => model.say({ type: "delta", seq, now: 13, pipeline: {}, phases: [], logs: [] });
  for (let seq = 6; seq < 6 + ACK_EVERY; seq++) delta(seq);
  expect(model.sent).toEqual([{ type: "ack", seq: 5 + ACK_EVERY }]);
  delta(6 + ACK_EVERY);
  expect(model.sent.length).toBe(1);
  vi.advanceTimersByTime(ACK_AFTER_MS);
  expect(model.sent.at(-1)).toEqual({ type: "ack", seq: 6 + ACK_EVERY });
});

test("starts from the snapshot trait when there is one", () => {
  const model = fakeModel();
  model.set("snapshot", snapshot([phase("load")]));
  expect(open(model).state.value.session?.pipeline).toBe("site");
});

test("a gap asks for a snapshot once, and acknowledges nothing until it comes", () => {
  const model = fakeModel();
  open(model);
  answer(model);
  model.sent.length = 0;
  for (const seq of [8, 9, 10]) model.say({ type: "delta", seq, now: 13, pipeline: {}, phases: [], logs: [] });
  expect(types(model.sent)).toEqual(["sync"]);
  answer(model, [phase("load")], 10);
  expect(model.sent.at(-1)).toEqual({ type: "ack", seq: 10 });
});

test("a lost answer to sync is asked for again at a heartbeat", () => {
  const model = fakeModel();
  open(model);
  answer(model);
  model.say({ type: "heartbeat", now: 1, seq: 6 });
  vi.advanceTimersByTime(3000);
  model.say({ type: "heartbeat", now: 3, seq: 6 });
  expect(types(model.sent).filter((type) => type === "sync").length).toBe(2);
});

test("without an answer in 300 ms a command goes by the control lane with the same id, and that lane is remembered", () => {
  const model = fakeModel({ hasControl: true });
  const port = open(model);
  answer(model, failing);
  port.command("retry", ["parse"]);
  expect(types(model.sentByControl)).toEqual(["ack"]);
  vi.advanceTimersByTime(ESCALATE_AFTER_MS);
  const first = model.sentByControl.at(-1);
  expect(first).toEqual(model.sent.at(-1));
  if (first?.type !== "command") throw new Error("no command");
  model.say({ type: "reply", id: first.id, ok: true, message: "" });
  const before = model.sent.length;
  port.command("pause");
  expect(model.sentByControl.at(-1)).toMatchObject({ type: "command", command: "pause" });
  expect(model.sent.length).toBe(before);
});

test("acknowledgements do not wait for a running cell: they go by the control lane where there is one", () => {
  const model = fakeModel({ hasControl: true });
  open(model);
  answer(model);
  expect(model.sentByControl).toEqual([{ type: "ack", seq: 5 }]);
  expect(types(model.sent)).toEqual(["hello"]);
});

test("an answer in time keeps to the comm", () => {
  const model = fakeModel({ hasControl: true });
  const port = open(model);
  answer(model, failing);
  port.command("pause");
  const sent = model.sent.at(-1);
  if (sent?.type !== "command") throw new Error("no command");
  model.say({ type: "reply", id: sent.id, ok: true, message: "" });
  vi.advanceTimersByTime(1000);
  expect(types(model.sentByControl)).toEqual(["ack"]);
});

test("a command that nobody answers is given up in words", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  port.command("pause");
  expect(port.state.value.requests.size).toBe(1);
  vi.advanceTimersByTime(GIVE_UP_AFTER_MS);
  expect(port.state.value.requests.size).toBe(0);
  expect(port.state.value.notice?.text).toContain("pause");
});

test("a command that a speaking kernel does not answer is queued, sent again as the same, and done when it is answered", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  port.command("pause");
  const first = model.sent.at(-1);
  if (first?.type !== "command") throw new Error("no command");
  const queued = () => [...port.state.value.requests.values()].map(({ isQueued }) => isQueued ?? false);
  expect(queued()).toEqual([false]);
  vi.advanceTimersByTime(QUEUED_AFTER_MS);
  expect(queued()).toEqual([true]);
  for (let n = 0; n < 6; n++) {
    model.say({ type: "heartbeat", now: 14 + 2 * n, seq: 5 });
    vi.advanceTimersByTime(2_000);
  }
  expect(queued()).toEqual([true]);
  const ids = model.sent.flatMap((message) => (message.type === "command" ? [message.id] : []));
  expect(ids).toEqual([first.id, first.id]);
  model.say({ type: "reply", id: first.id, ok: true, message: "" });
  expect(queued()).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(port.state.value.notice).toBeNull();
});

test("silence means gone, hello goes out again, a heartbeat means live", () => {
  const model = fakeModel();
  const { state } = open(model);
  answer(model);
  vi.advanceTimersByTime(GONE_AFTER_MS - 1500);
  expect(state.value.connection).toBe("live");
  vi.advanceTimersByTime(2500);
  expect(state.value.connection).toBe("gone");
  vi.advanceTimersByTime(GONE_AFTER_MS);
  expect(types(model.sent).filter((type) => type === "hello").length).toBeGreaterThan(1);
  model.say({ type: "heartbeat", now: 30, seq: 5 });
  expect(state.value.connection).toBe("live");
});

test("a closed comm is survived and shown", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  model.isBroken = true;
  expect(() => port.command("pause")).not.toThrow();
  expect(port.state.value.connection).toBe("gone");
});

test("malformed messages are told, asked about once, and harm nothing", () => {
  const model = fakeModel();
  const { state } = open(model);
  answer(model);
  model.sent.length = 0;
  for (const bad of [null, 7, {}, { type: "delta", seq: -1 }, { type: "nonsense" }]) model.say(bad);
  expect(types(model.sent)).toEqual(["sync"]);
  expect(state.value.notice?.text).toContain("could not be read");
  expect(state.value.session?.phases.length).toBe(1);
});

test("choosing sets the traits and sends nothing else; other views' choices come in", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model, [phase("a"), phase("b")]);
  model.sent.length = 0;
  port.select(1, true);
  expect([model.get("selected_phase"), model.get("expanded"), model.saves]).toEqual([1, true, 1]);
  expect(model.sent).toEqual([]);
  model.change("selected_phase", 0);
  expect(port.state.value.choice.selected).toBe(0);
  model.change("auto_follow", false);
  expect(port.state.value.choice.follow).toBe(false);
  model.change("selected_phase", -4);
  expect(port.state.value.choice.selected).toBe(0);
});

test("displays that another page has asked for are not taken for ours", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model, [phase("a", { outputs: [3, 1] }), phase("b", { outputs: [1, 1] })]);
  const list = { type: "outputs", phase: 1, revision: 1, attempt: 1, items: [], dropped: 0 };
  model.say({ ...list, id: "of another page" });
  expect(port.state.value.shelves.size).toBe(0);
  port.wantOutputs(1);
  const ours = model.sent.find((message) => message.type === "outputs");
  model.say({ ...list, id: ours?.id });
  expect([...port.state.value.shelves.keys()]).toEqual([1]);
});

test("a failing phase is selected in the traits too", () => {
  const model = fakeModel();
  open(model);
  answer(model, failing);
  expect([model.get("selected_phase"), model.get("expanded")]).toEqual([1, true]);
});

test("pages and details are asked for once while the answer is due", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model, failing);
  model.sent.length = 0;
  port.wantLogs(1, 400, 500);
  port.wantLogs(1, 400, 500);
  port.wantLogs(1, 100, 500); // scrolled on while a page is due
  port.wantDetail(1);
  port.wantDetail(1);
  expect(types(model.sent)).toEqual(["logs", "detail"]);
  const [page, detail] = model.sent;
  if (page?.type !== "logs" || detail?.type !== "detail") throw new Error("not asked");
  model.say({ type: "logs", id: page.id, phase: 1, start: 400, total: 900, first: 0, lines: lines(400, 500) });
  model.say({ type: "detail", id: detail.id, phase: 1, error: null });
  expect(port.state.value.logs.get(1)?.end).toBe(900);
  port.wantDetail(1);
  expect(model.sent.length).toBe(2);
});

test("the end says bye and leaves no listener and no timer", () => {
  const model = fakeModel({ hasControl: true });
  const port = open(model);
  answer(model);
  port.command("pause");
  ending.abort();
  expect(model.sent.at(-1)?.type).toBe("bye");
  expect(model.listeners()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("a question gets its answers by its id, with their data, until the last one", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  const told: unknown[] = [];
  port.ask("search", { text: "x" }, ({ done, body }) => told.push([done, body]));
  const asked = model.sent.at(-1);
  if (asked?.type !== "ask") throw new Error("no question");
  const say = (done: boolean, body: object) => model.say({ type: "answer", id: asked.id, done, error: "", body });
  say(false, {}); // it has arrived
  say(false, { count: 1 });
  say(true, { count: 2 });
  say(true, { count: 3 });
  expect(told).toEqual([
    [false, { count: 1 }],
    [true, { count: 2 }],
  ]);
});

test("a question that is dropped hears nothing more, and the kernel is told", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  const told: unknown[] = [];
  const drop = port.ask("search", {}, (one) => told.push(one));
  const asked = model.sent.at(-1);
  if (asked?.type !== "ask") throw new Error("no question");
  drop();
  expect(model.sent.at(-1)).toEqual({ type: "drop", id: asked.id });
  model.say({ type: "answer", id: asked.id, done: true, error: "", body: { count: 1 } });
  expect(told).toEqual([]);
});

test("a question that a dead kernel does not answer ends in words", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  const told: string[] = [];
  port.ask("search", {}, ({ error }) => told.push(error));
  vi.advanceTimersByTime(GIVE_UP_AFTER_MS + 1);
  expect(told).toEqual(["The kernel does not answer."]);
});

test("a question that the kernel has begun to answer ends in words when the kernel is gone, whatever had come of it", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  const told: string[][] = [[], []];
  const ids = told.map((into) => {
    port.ask("search", { phase: 0 }, ({ done, error }) => into.push(`${done} ${error}`));
    const asked = model.sent.at(-1);
    if (asked?.type !== "ask") throw new Error("no question");
    return asked.id;
  });
  for (const id of ids) model.say({ type: "answer", id, done: false, error: "", body: {} });
  model.say({ type: "answer", id: ids[1], done: false, error: "", body: { searched: 1 } });
  vi.advanceTimersByTime(GONE_AFTER_MS + 1_000);
  expect(port.state.value.connection).toBe("gone");
  expect(told).toEqual([["true The kernel does not answer."], ["false ", "true The kernel does not answer."]]);
  model.say({ type: "answer", id: ids[0], done: true, error: "", body: {} });
  vi.advanceTimersByTime(60_000);
  expect(told.map((one) => one.length)).toEqual([1, 2]);
});

test("a question that was dropped after it had begun hears nothing of a kernel that is gone", () => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  const take = vi.fn();
  const drop = port.ask("report", {}, take);
  const asked = model.sent.at(-1);
  model.say({ type: "answer", id: asked?.type === "ask" ? asked.id : "", done: false, error: "", body: {} });
  drop();
  vi.advanceTimersByTime(60_000);
  expect(take).not.toHaveBeenCalled();
});

test.each([
  ["body", { body: [] }],
  ["done", { done: "yes" }],
  ["error", { error: null }],
])("an answer whose %s cannot be read is told to who asked, and to nobody else", (field, wrong) => {
  const model = fakeModel();
  const port = open(model);
  answer(model);
  const take = vi.fn();
  port.ask("result", { phase: 0 }, take);
  const asked = model.sent.at(-1);
  const before = model.sent.length;
  model.say({ type: "answer", id: asked?.type === "ask" ? asked.id : "", done: true, error: "", body: {}, ...wrong });
  expect(take).toHaveBeenCalledOnce();
  expect(take.mock.calls[0]?.[0]).toMatchObject({ done: true, error: expect.stringContaining(`${field}: expected`) });
  expect(port.state.value).toMatchObject({ notice: null, syncing: false });
  expect(model.sent.length).toBe(before);
  vi.advanceTimersByTime(60_000);
  expect(take).toHaveBeenCalledOnce();
});
