/** Unique enough among the thousand ids that a kernel remembers; `crypto` has more to offer on secure origins only. */
export const uuid = (): string => `${Math.random()}${Math.random()}`;
