// The playground: rfcalc in the browser. It loads Python first, since that takes longest.
import { render } from "preact";

import "../view/style.css";
import "./style.css";
import { App } from "./App";
import { Bench } from "./bench";

const bench = new Bench();
void bench.begin();
const root = document.getElementById("playground");
if (root) render(<App bench={bench} />, root);
// another link in the same tab
addEventListener("hashchange", () => void bench.begin());
