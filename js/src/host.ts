/**
 * The only place (with its lanes) that touches the anywidget model: traits and messages in, messages out.
 *
 * Lives as long as the model. Whoever opens it closes it by the AbortSignal; then no listener and no timer is left.
 */
import { every } from "./dom/lasting";
import { type Model, openLanes } from "./lanes";
import type { Choice } from "./state/actions";
import { bytesOf } from "./state/shelf";
import { type Answer, createStore, type Port } from "./state/store";
import { keepStill } from "./stills";
import { uuid } from "./uuid";
import { type FromKernel, parseFromKernel, parseSnapshot } from "./wire";
import type { FromBrowser } from "./wire-browser";

export type { Model } from "./lanes";

/** The kernel beats every 2 s. */
export const GONE_AFTER_MS = 7_000;
export const GIVE_UP_AFTER_MS = 10_000;
/** Both lanes have had their time by then. */
export const QUEUED_AFTER_MS = 1_000;
const WATCH_EVERY_MS = 1_000;
const ASK_AGAIN_AFTER_MS = 2_500;
/**
 * So many deltas, or so long, are acknowledged at once. Each message to the kernel makes it send two small ones, and
 * behind those the next delta waits up to 40 ms in the server's socket (Nagle's algorithm).
 */
export const ACK_EVERY = 3;
export const ACK_AFTER_MS = 300;
const SNAPSHOT = "snapshot"; // what hello and sync wait for

const TRAITS = { selected_phase: "selected", expanded: "expanded", auto_follow: "follow" } as const;

export function openHost(model: Model, signal: AbortSignal, clock: () => number = () => performance.now()): Port {
  const store = createStore();
  const { state } = store;
  const lanes = openLanes(model);
  const view = uuid();
  const giveUp = new Map<string, ReturnType<typeof setTimeout>>();
  const asked = new Map<string, { key: string; at: number }>(); // pages and details that are on their way, by what they are
  const questions = new Map<string, (answer: Answer) => void>();
  const begun = new Set<string>(); // questions that the kernel has taken: asking again would not help
  let heardAt = clock();
  let askedAt = clock();
  let unacked = 0;
  let tellingLater: ReturnType<typeof setTimeout> | undefined;

  const send = (message: FromBrowser, answer?: string) => {
    const taken = lanes.send(message, answer);
    if (!taken) store.dispatch({ type: "connected", connection: "gone" });
  };
  const ask = (message: FromBrowser) => {
    askedAt = clock();
    send(message, SNAPSHOT);
  };
  /** Waits for the answer to a command. A kernel that speaks but does not answer is busy: what was lost is sent again, as the same. */
  const expectReply = (id: string, message: FromBrowser) => {
    const wait = (act: () => void, ms: number) => giveUp.set(id, setTimeout(act, ms));
    const look = () => {
      if (clock() - heardAt >= GONE_AFTER_MS) {
        giveUp.delete(id);
        store.dispatch({ type: "unanswered", id });
        return;
      }
      send(message, id);
      wait(look, GIVE_UP_AFTER_MS);
    };
    wait(() => {
      store.dispatch({ type: "queued", id });
      wait(look, GIVE_UP_AFTER_MS - QUEUED_AFTER_MS);
    }, QUEUED_AFTER_MS);
    send(message, id);
  };
  const settle = (id: string) => {
    lanes.answered(id);
    clearTimeout(giveUp.get(id));
    giveUp.delete(id);
    for (const [what, request] of asked) if (request.key === id) asked.delete(what);
  };

  const onMessage = (content: unknown, buffers?: unknown) => {
    heardAt = clock();
    let message: FromKernel;
    try {
      message = parseFromKernel(content, "");
    } catch (error) {
      const { id } = Object(content) as { id?: unknown };
      if (questions.has(id as string))
        return onAnswer(id as string, { done: true, error: `The answer could not be read: ${error}.`, body: {}, data: undefined });
      const wasSyncing = state.peek().syncing;
      store.dispatch({ type: "misread", reason: `${error}` });
      if (!wasSyncing) ask({ type: "sync" }); // an unreadable snapshot must not be asked for without end
      return;
    }
    store.dispatch({ type: "connected", connection: "live" });
    if (message.type === "still") return keepStill(model, message.bundle);
    const wasSyncing = state.peek().syncing;
    const first: unknown = Array.isArray(buffers) ? buffers[0] : null;
    const data = first instanceof DataView ? first : undefined;
    if (message.type === "answer") return onAnswer(message.id, { ...message, data });
    // All pages hear what the kernel says to one. Displays are large, and of what somebody looks at there.
    if ((message.type === "outputs" || message.type === "output") && !message.id.startsWith(view)) return;
    store.dispatch({ type: "received", message, at: clock(), data });
    if (message.type === "snapshot") lanes.answered(SNAPSHOT);
    if ("id" in message) settle(message.id);
    const { syncing } = state.peek();
    if (syncing && (!wasSyncing || clock() - askedAt > ASK_AGAIN_AFTER_MS)) ask({ type: "sync" });
    if (message.type === "snapshot" || message.type === "delta") {
      if (syncing) unacked = 0;
      else unacked += message.type === "snapshot" ? ACK_EVERY : 1;
      if (unacked >= ACK_EVERY) tell();
      else tellingLater ??= setTimeout(tell, ACK_AFTER_MS);
    }
  };
  /** Tells the kernel what was read, and what follows the running phase. */
  const tell = () => {
    clearTimeout(tellingLater);
    tellingLater = undefined;
    if (unacked > 0) send({ type: "ack", seq: state.peek().seq });
    unacked = 0;
    showChoice();
  };

  const onAnswer = (id: string, answer: Answer) => {
    const take = questions.get(id);
    settle(id);
    if (answer.done) {
      questions.delete(id);
      begun.delete(id);
    } else if (take) begun.add(id);
    if (!answer.done && Object.keys(answer.body as object).length === 0) return; // it has arrived, no more
    take?.(answer);
  };
  const giveUpOn = (id: string) => onAnswer(id, { done: true, error: "The kernel does not answer.", body: {}, data: undefined });
  const question = (what: string, args: Readonly<Record<string, unknown>>, take: (answer: Answer) => void) => {
    const id = uuid();
    const message: FromBrowser = { type: "ask", id, what, args };
    const look = () => {
      if (clock() - heardAt >= GONE_AFTER_MS) return giveUpOn(id);
      send(message, id);
      giveUp.set(id, setTimeout(look, GIVE_UP_AFTER_MS));
    };
    questions.set(id, take);
    send(message, id);
    giveUp.set(id, setTimeout(look, GIVE_UP_AFTER_MS));
    return () => {
      settle(id);
      begun.delete(id);
      if (questions.delete(id)) send({ type: "drop", id });
    };
  };

  const onSnapshot = () => {
    const value = model.get("snapshot");
    if (value === null || value === undefined) return;
    try {
      store.dispatch({ type: "restored", snapshot: parseSnapshot(value, "snapshot"), at: clock() });
      showChoice();
    } catch (error) {
      store.dispatch({ type: "misread", reason: `${error}` });
    }
  };

  /** Traits to state: the notebook or another tab chose something. */
  const onTraits = () => {
    const { choice } = state.peek();
    const news = Object.entries(TRAITS)
      .map(([trait, key]) => [key, model.get(trait)] as const)
      .filter(([key, value]) => typeof value === typeof choice[key] && value !== choice[key] && !(Number(value) < 0));
    if (news.length > 0) store.dispatch({ type: "chose", choice: Object.fromEntries(news), byPerson: false, at: clock() });
  };

  /** State to traits: what differs is set, in one message. */
  const showChoice = () => {
    const { choice } = state.peek();
    const changed = Object.entries(TRAITS).filter(([trait, key]) => model.get(trait) !== choice[key]);
    if (changed.length === 0) return;
    try {
      for (const [trait, key] of changed) model.set(trait, choice[key]);
      model.save_changes();
    } catch {
      // a closed comm: the choice still holds in this browser
    }
  };
  const choose = (choice: Partial<Choice>) => {
    store.dispatch({ type: "chose", choice, byPerson: true, at: clock() });
    showChoice();
  };

  const watch = () => {
    const silent = clock() - heardAt;
    if (silent < GONE_AFTER_MS) return;
    store.dispatch({ type: "connected", connection: "gone" });
    for (const id of [...begun]) giveUpOn(id); // the rest of their answers went with the kernel
    if (clock() - askedAt > GONE_AFTER_MS) ask({ type: "hello", view });
  };

  const askOnce = (what: string, make: (id: string) => FromBrowser) => {
    const before = asked.get(what);
    if (before && clock() - before.at < ASK_AGAIN_AFTER_MS) return;
    const id = `${view}${uuid()}`;
    asked.set(what, { key: id, at: clock() });
    send(make(id), id);
  };

  // Start: listen, take what the traits hold, say hello.
  model.on("msg:custom", onMessage);
  model.on("change:snapshot", onSnapshot);
  for (const trait of Object.keys(TRAITS)) model.on(`change:${trait}`, onTraits);
  every(WATCH_EVERY_MS, signal, watch);
  const sayBye = () => lanes.send({ type: "bye", view });
  if (typeof window !== "undefined") window.addEventListener("pagehide", sayBye, { signal });
  signal.addEventListener(
    "abort",
    () => {
      sayBye();
      model.off("msg:custom", onMessage);
      model.off("change:snapshot", onSnapshot);
      for (const trait of Object.keys(TRAITS)) model.off(`change:${trait}`, onTraits);
      for (const pending of giveUp.values()) clearTimeout(pending);
      clearTimeout(tellingLater);
      lanes.close();
    },
    { once: true },
  );
  onTraits();
  onSnapshot();
  ask({ type: "hello", view });

  return {
    state,
    select: (selected, open) => choose(open ? { selected, expanded: true } : { selected }),
    setExpanded: (expanded) => choose({ expanded }),
    setFollow: (follow) => choose({ follow }),
    attend: (deed) => store.dispatch({ type: "attended", deed, at: clock() }),
    command(command, phases = [], options = {}) {
      const id = uuid();
      store.dispatch({ type: "requested", id, command, phases });
      expectReply(id, { type: "command", id, command, phases, options });
    },
    wantLogs(phase, start, count) {
      // One page at a time: who scrolls fast wants the lines where the scrolling ends, not those it passed.
      askOnce(`logs ${phase}`, (id) => ({ type: "logs", id, phase, start, count }));
    },
    wantDetail(phase) {
      if (state.peek().details.has(phase)) return;
      askOnce(`detail ${phase}`, (id) => ({ type: "detail", id, phase }));
    },
    wantOutputs(phase) {
      const { session, shelves } = state.peek();
      const shelf = shelves.get(phase);
      const revision = session?.phases[phase]?.outputs[0];
      if (shelf ? shelf.revision !== revision : revision) askOnce(`outputs ${phase} ${revision}`, (id) => ({ type: "outputs", id, phase }));
      const next = shelf?.items.find((item) => bytesOf(shelf, item) < item.size);
      if (!shelf || !next) return;
      const { ref, version } = next;
      const start = bytesOf(shelf, next);
      askOnce(`output ${phase} ${ref} ${version} ${start}`, (id) => ({ type: "output", id, phase, ref, version, start }));
    },
    ask: question,
    refuse: (text) => store.dispatch({ type: "refused", text }),
    dismiss: () => store.dispatch({ type: "dismissed" }),
  };
}
