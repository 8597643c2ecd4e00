/** The page starts here. */

import "./css/base.css";
import "./css/shell.css";
import "./css/parts.css";
import "./css/overview.css";
import "./css/runs.css";
import "./css/curves.css";
import "./css/results.css";
import "./css/comparison.css";
import "./css/lists.css";
import "./css/system.css";
import "uplot/dist/uPlot.min.css";
import { route } from "./route";
import { Shell } from "./shell";
import { store } from "./state";
import { applyTheme, onTheme } from "./theme";

store.follow(); // first: the answer is on its way while the frame is built
applyTheme();
const shell = new Shell(document.body);
onTheme(() => shell.recolour());
route.start(() => shell.open());
shell.open();
