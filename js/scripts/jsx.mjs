// JSX as plain calls of h: a quarter smaller than the automatic runtime's property objects.
export { Fragment, h } from "../src/dom/h.ts";
