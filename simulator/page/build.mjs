// Builds the page into the Python package: `node build.mjs [FOLDER]`. The same sources give the
// same bytes, which a test checks, so that users need no Node.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = process.argv[2] ?? join(here, "../dubhe_simulator");
const target = join(root, "web/page");
const report = join(root, "export/report_page");

const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome123", "firefox120", "safari17.5"], // the first with the CSS function light-dark()
  charset: "utf8",
  legalComments: "none", // licenses.txt holds them in full
  logLevel: "warning",
};
// In a report that is one file there is no server: what is asked for is in the file.
const offline = {
  name: "offline",
  setup(build) {
    build.onResolve({ filter: /\/transport$/ }, () => ({ path: join(here, "src/report/transport.ts") }));
  },
};
await Promise.all([target, report].map((folder) => mkdir(folder, { recursive: true })));
const entryPoints = { app: "src/main.ts", events: "src/events.worker.ts" };
await build({ ...options, entryPoints, outdir: target });
await build({
  ...options,
  entryPoints: { report: "src/report/main.ts" },
  outdir: report,
  plugins: [offline],
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(here, "src", name), join(target, name));
}
const licence = await readFile(join(here, "node_modules/uplot/LICENSE"), "utf8");
const { version } = JSON.parse(
  await readFile(join(here, "node_modules/uplot/package.json"), "utf8"),
);
for (const [folder, name] of [[target, "app"], [report, "report"]]) {
  await writeFile(
    join(folder, "licenses.txt"),
    `${name}.js and ${name}.css contain uPlot ${version}, under this licence:\n\n${licence}`,
  );
}
