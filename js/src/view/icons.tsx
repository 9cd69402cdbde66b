/** Status as a shape: each state has its own, so that colour is never the only sign. */
import type { ShownState } from "../state/selectors";
import type { PipelineStatus } from "../wire";

const DISC = "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14z";
const RING = "M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12z";
const RETRY = "M13.2 8.6a5.3 5.3 0 1 1-1.3-4.2M13.4 1.8v3.4H10";

/** What is filled, what is drawn in the status colour, what is drawn on the disc. */
export const SHAPES: Readonly<Record<ShownState | PipelineStatus, readonly [string, string, string]>> = {
  pending: ["", RING, ""],
  running: ["M6.3 5v6L11.2 8z", "M8 1.8a6.2 6.2 0 1 1-6.2 6.2", ""],
  retrying: ["", RETRY, ""],
  completed: [DISC, "", "M4.7 8.3l2.3 2.3 4.3-4.9"],
  failed: [DISC, "", "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"],
  skipped: ["", "M3 3.6L7.4 8 3 12.4M8.6 3.6L13 8l-4.4 4.4", ""],
  cancelled: ["", `${RING}M3.9 12.1l8.2-8.2`, ""],
  paused: [DISC, "", "M6.2 5.2v5.6M9.8 5.2v5.6"],
  review: [DISC, "", "M8 4.1a1.9 1.9 0 1 1 0 3.8a1.9 1.9 0 1 1 0-3.8M4.6 12.1q.4-2.4 3.4-2.4t3.4 2.4"],
};

export function StatusIcon({ status, size = 16 }: { status: ShownState | PipelineStatus; size?: number }) {
  const [disc, line, glyph] = SHAPES[status];
  return (
    <svg class="milo-icon" data-status={status} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={line} />
      <path d={disc} fill="currentColor" stroke="none" />
      <path d={glyph} class="milo-glyph" />
    </svg>
  );
}

const PLAY = "M5 3l8 5-8 5z";
const SIGNS = {
  pause: "M5.5 3.5v9M10.5 3.5v9",
  resume: PLAY,
  run: PLAY,
  cancel: "M4 4h8v8H4z",
  retry: RETRY,
  rerun: RETRY,
  "retry-failed": RETRY,
  skip: "M3 4l5 4-5 4zM12.5 4v8",
  approve: "M3 8.5l3.3 3.3L13 4.8",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  menu: "M2.8 8h.9M7.6 8h.9M12.3 8h.9",
  help: "M5.5 5.6a2.6 2.6 0 1 1 3.6 2.4q-1.1.6-1.1 1.7M8 12.6v.1",
} as const;
export type SignName = keyof typeof SIGNS;

export function Sign({ name }: { name: SignName }) {
  return (
    <svg class="milo-icon" width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
      <path d={SIGNS[name]} />
    </svg>
  );
}
