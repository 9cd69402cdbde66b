/**
 * Two ways to the kernel: the widget's own comm, and the kernel's control channel, which is served while a cell runs.
 *
 * The rules: a message that wants an answer and gets none within 300 ms goes by the other lane too (the kernel tells
 * twins apart by id); the lane that was answered is remembered. The control lane is private API of JupyterLab's widget
 * manager: it is probed for, and where it is missing the comm alone is used.
 */
import type { NotebookModel } from "./stills";
import { uuid } from "./uuid";
import type { FromBrowser } from "./wire-browser";

/** The part of anywidget's model that is used here. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, callback: (...args: unknown[]) => void): void;
  off(event: string, callback: (...args: unknown[]) => void): void;
  readonly widget_manager?: {
    readonly kernel?: Partial<Kernel> | null;
    readonly context?: { readonly model?: NotebookModel | null } | null;
  } | null;
}

export const ESCALATE_AFTER_MS = 300;

type Lane = "comm" | "control";

interface Kernel {
  readonly clientId?: unknown;
  readonly username?: unknown;
  sendControlMessage(message: unknown, expectReply: boolean, disposeOnDone: boolean): unknown;
}

export interface Lanes {
  /** Sends; with `answer`, goes by the other lane too unless `answered(answer)` comes in time. False if no lane took it. */
  send(message: FromBrowser, answer?: string): boolean;
  answered(answer: string): void;
  close(): void;
}

export function openLanes(model: Model): Lanes {
  let best: Lane = "comm";
  const waiting = new Map<string, { timer: ReturnType<typeof setTimeout>; escalatedTo: Lane | null }>();

  const carry = (lane: Lane, message: FromBrowser): boolean => {
    try {
      if (lane === "control") return sendByControl(model, message);
      model.send(message);
      return true;
    } catch {
      return false; // a restarted kernel leaves a model whose comm is closed: the heartbeat will tell
    }
  };
  const settle = (answer: string) => {
    clearTimeout(waiting.get(answer)?.timer);
    waiting.delete(answer);
  };

  return {
    send(message, answer) {
      // Nobody answers an acknowledgement, so a slow lane would not be noticed: it goes where no cell can hold it up.
      const first = message.type === "ack" ? "control" : best;
      const other: Lane = first === "comm" ? "control" : "comm";
      const taken = carry(first, message) || carry(other, message);
      if (answer === undefined) return taken;
      settle(answer);
      const timer = setTimeout(() => {
        const sent = carry(other, message);
        const entry = waiting.get(answer);
        if (entry && sent) entry.escalatedTo = other;
      }, ESCALATE_AFTER_MS);
      waiting.set(answer, { timer, escalatedTo: null });
      return taken;
    },
    answered(answer) {
      const escalated = waiting.get(answer)?.escalatedTo;
      if (escalated) best = escalated;
      settle(answer);
    },
    close() {
      for (const answer of [...waiting.keys()]) settle(answer);
    },
  };
}

function sendByControl(model: Model, message: FromBrowser): boolean {
  const kernel = model.widget_manager?.kernel;
  const commId = model.get("comm_id_");
  if (!kernel?.sendControlMessage || !commId) return false;
  const header = {
    msg_id: uuid(),
    msg_type: "comm_msg",
    session: kernel.clientId,
    username: kernel.username,
    version: "5.3",
    date: new Date().toISOString(),
  };
  const content = { comm_id: commId, data: { method: "custom", content: message } };
  kernel.sendControlMessage({ channel: "control", header, parent_header: {}, metadata: {}, content, buffers: [] }, false, true);
  return true;
}
