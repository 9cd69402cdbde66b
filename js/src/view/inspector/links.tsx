/** Names of phases that lead to them. */
import type { Port } from "../../state/store";

const MOST = 12;

export function PhaseLinks({ port, indices }: { port: Port; indices: readonly number[] }) {
  const phases = port.state.value.session?.phases ?? [];
  return (
    <>
      {indices.slice(0, MOST).map((index) => (
        <button key={index} type="button" class="milo-link milo-name" onClick={() => port.select(index, true)}>
          {phases[index]?.name}
        </button>
      ))}
      {indices.length > MOST ? ` and ${indices.length - MOST} more` : null}
    </>
  );
}
