/**
 * What the first picture does not need: all views but the graph, and everything about one phase. The bundle is saved in
 * every notebook that keeps its widgets' state, so this part is not in it: it is asked for when the first is on screen.
 */
import "./styles/timeline.css";
import "./styles/list.css";
import "./styles/inspector.css";
import "./styles/log.css";
import "./styles/menu.css";

export { act } from "./view/actions/key-acts";
export { Overlays } from "./view/actions/overlays";
export { ReportButton } from "./view/actions/report";
export { criticalOf } from "./view/graph/critical";
export { Flow } from "./view/graph/flow";
export { Overview } from "./view/graph/overview";
export { Inspector } from "./view/inspector/inspector";
export { List } from "./view/rows/list";
export { Timeline } from "./view/rows/timeline";
