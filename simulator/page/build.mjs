// Builds the page into the Python package: `node build.mjs [FOLDER]`. The same sources give the
// same bytes, which a test checks, so that users need no Node.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "../dubhe_simulator/web/page");

await mkdir(target, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts" },
  outdir: target,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome123", "firefox120", "safari17.5"], // the first with the CSS function light-dark()
  charset: "utf8",
  legalComments: "none", // licenses.txt holds them in full
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(here, "src", name), join(target, name));
}
const licence = await readFile(join(here, "node_modules/uplot/LICENSE"), "utf8");
const { version } = JSON.parse(
  await readFile(join(here, "node_modules/uplot/package.json"), "utf8"),
);
await writeFile(
  join(target, "licenses.txt"),
  `app.js and app.css contain uPlot ${version}, under this licence:\n\n${licence}`,
);
