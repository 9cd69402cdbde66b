/** The layer of each phase. Pure. */

/** Longest path, but no layer much wider than the graph is deep; then sources move to where they are needed. */
export function assignLayers(count: number, edges: readonly (readonly [number, number])[]): number[] {
  const widest = Math.max(10, 8 * Math.ceil(Math.sqrt(count) / 4)); // in steps: one phase more seldom changes it
  const into: number[][] = Array.from({ length: count }, () => []);
  const out: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of edges) {
    into[to]?.push(from);
    out[from]?.push(to);
  }
  const layer = new Array<number>(count).fill(0);
  const used: number[] = [];
  for (let node = 0; node < count; node++) {
    let at = (into[node] ?? []).reduce((most, from) => Math.max(most, (layer[from] ?? 0) + 1), 0);
    while ((used[at] ?? 0) >= widest) at++; // no more than count / widest layers are ever full
    layer[node] = at;
    used[at] = (used[at] ?? 0) + 1;
  }
  for (let node = count - 1; node >= 0; node--) {
    const next = out[node] ?? [];
    if (next.length === 0 || (into[node]?.length ?? 0) > next.length) continue;
    const at = layer[node] ?? 0;
    const latest = next.reduce((least, to) => Math.min(least, layer[to] ?? 0), Number.POSITIVE_INFINITY) - 1;
    if (latest > at && (used[latest] ?? 0) < widest) {
      layer[node] = latest;
      used[at] = (used[at] ?? 1) - 1;
      used[latest] = (used[latest] ?? 0) + 1;
    }
  }
  return closeGaps(layer);
}

/** Layers that became empty disappear. */
function closeGaps(layer: readonly number[]): number[] {
  const rank = new Map([...new Set(layer)].sort((a, b) => a - b).map((at, index) => [at, index]));
  return layer.map((at) => rank.get(at) ?? 0);
}
