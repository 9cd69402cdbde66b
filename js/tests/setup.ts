/** What every browser has and the tests' page has not. */
globalThis.Path2D ??= class {
  moveTo() {}
  bezierCurveTo() {}
  rect() {}
} as unknown as typeof Path2D;
