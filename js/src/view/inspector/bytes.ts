/** Amounts of memory as a person reads them. Pure. */
const UNITS = ["bytes", "KB", "MB", "GB", "TB"] as const;

/** `0 bytes`, `812 bytes`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toPrecision(value < 10 ? 2 : 3) : Math.round(value)} ${UNITS[unit]}`;
}
