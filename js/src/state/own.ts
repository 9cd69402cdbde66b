/**
 * What each view has of its own: which phase it looks at, whether somebody reads there, what was refused there. All else
 * is the model's. What a view chooses is told to the notebook; what the notebook chooses, all views follow.
 */
import type { Action, Choice } from "./actions";
import { openFailure, reduce } from "./reducer";
import { effect, Signal } from "./signal";
import type { Port, State } from "./store";

/** One view on a model, until the signal aborts. */
export function openView(shared: Port, ending: AbortSignal, clock: () => number = () => performance.now()): Port {
  let last = shared.state.peek();
  const state = new Signal<State>(last);
  const take = (next: State) => {
    if (next === last) return;
    const before = state.peek();
    const isSame = next.session?.session_id === before.session?.session_id;
    const merged = {
      ...next,
      choice: next.told === last.told ? before.choice : next.choice,
      notice: next.notice === last.notice ? before.notice : next.notice,
      attention: before.attention,
      openings: before.openings,
      opened: isSame ? before.opened : -1,
      missed: isSame ? before.missed : -1,
    };
    last = next;
    state.value = openFailure(before, merged, clock());
  };
  effect(() => take(shared.state.value), ending);
  const act = (action: Action) => {
    state.value = reduce(state.peek(), action);
  };
  const choose = (choice: Partial<Choice>) => act({ type: "chose", choice, byPerson: true, at: clock() });
  return {
    ...shared,
    state,
    select(selected, open) {
      choose(open ? { selected, expanded: true } : { selected });
      shared.select(selected, open);
    },
    setExpanded(expanded) {
      choose({ expanded });
      shared.setExpanded(expanded);
    },
    setFollow(follow) {
      choose({ follow });
      shared.setFollow(follow);
    },
    attend(deed) {
      act({ type: "attended", deed, at: clock() });
      shared.attend(deed);
    },
    command(...given) {
      shared.command(...given);
      take(shared.state.peek()); // at once: the next key asks whether it is under way
    },
    refuse: (text) => act({ type: "refused", text }),
    dismiss() {
      act({ type: "dismissed" });
      shared.dismiss();
    },
  };
}
