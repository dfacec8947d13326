// Draws each .dot file of this folder as an .svg beside it; with --check it only looks whether they are the same.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { instance } from "@viz-js/viz";

const viz = await instance();
const folder = new URL(".", import.meta.url);
let stale = 0;
for (const name of readdirSync(folder).filter((name) => name.endsWith(".dot"))) {
  const svg = new URL(name.replace(/dot$/, "svg"), folder);
  const drawn = viz.renderString(readFileSync(new URL(name, folder), "utf8"), { format: "svg" });
  if (!process.argv.includes("--check")) writeFileSync(svg, drawn);
  else if (readFileSync(svg, "utf8") !== drawn) {
    console.error(`docs/diagrams/${name} has changed; run make diagrams`);
    stale = 1;
  }
}
process.exit(stale);
