/** What can happen to the view's state. Each action says what happened; only the reducer says what follows. */
import type { Snapshot, Told } from "../wire";
import type { Command } from "../wire-browser";
import type { Deed } from "./attention";

/** `connecting` until the kernel has spoken, `live` while it speaks, `gone` when it has been silent too long. */
export type Connection = "connecting" | "live" | "gone";

/** What all views of a model share, and the notebook can set: the three settable traits. */
export interface Choice {
  /** Index into the snapshot's phases. */
  readonly selected: number;
  /** Is the inspector open? */
  readonly expanded: boolean;
  /** Does the log follow its end? */
  readonly follow: boolean;
}

export type Action =
  /** A message came, maybe with a binary part; `at` is the page clock in milliseconds. */
  | { readonly type: "received"; readonly message: Told; readonly at: number; readonly data?: DataView | undefined }
  /** The `snapshot` trait has a value. */
  | { readonly type: "restored"; readonly snapshot: Snapshot; readonly at: number }
  /** A message did not follow the contract. */
  | { readonly type: "misread"; readonly reason: string }
  | { readonly type: "connected"; readonly connection: Connection }
  | { readonly type: "chose"; readonly choice: Partial<Choice>; readonly byPerson: boolean; readonly at: number }
  /** A person reads or searches; `at` is the page clock in milliseconds. */
  | { readonly type: "attended"; readonly deed: Deed; readonly at: number }
  | { readonly type: "requested"; readonly id: string; readonly command: Command; readonly phases: readonly string[] }
  /** No lane has answered so far: the command waits for the cell that runs. */
  | { readonly type: "queued"; readonly id: string }
  | { readonly type: "unanswered"; readonly id: string }
  /** Something a person asked for is not possible now; decided here, without the kernel. */
  | { readonly type: "refused"; readonly text: string }
  | { readonly type: "dismissed" };
