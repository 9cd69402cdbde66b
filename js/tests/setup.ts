import * as more from "../src/more";
import { provideMore } from "../src/view/lazy";

provideMore(more); // which the bundle loads when the first picture is there

/** What every browser has and the tests' page has not. */
globalThis.Path2D ??= class {
  moveTo() {}
  bezierCurveTo() {}
  rect() {}
} as unknown as typeof Path2D;
