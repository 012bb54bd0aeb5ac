// Builds the extension of Rancher's dashboard: what its Extensions page would have built with Rancher's own tools, one UMD file and what
// says what it is. Vue is the dashboard's.
import { gzipSync } from "node:zlib";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";
import { texts } from "./yaml-plugin";
import { version } from "./package.json";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const OUT = at("../api/pages/rancher");
const NAME = "continuous-delivery";
const FILE = `${NAME}-${version}.umd.min.js`;
// Rollup takes a dot in a global's name for an object in another; the dashboard looks for the name and the version as one.
const GLOBAL = "continuousDelivery";
const footer = `globalThis["${NAME}-${version}"]=globalThis.${GLOBAL};`;

/** `files.txt` names every file, for Rancher fetches those; `package.json` says which version they are of. */
function told(): Plugin {
  const described = { name: NAME, version, rancher: true, main: FILE };
  return {
    name: "told",
    apply: "build",
    closeBundle(): void {
      writeFileSync(join(OUT, "plugin/package.json"), `${JSON.stringify(described, null, 2)}\n`);
      writeFileSync(join(OUT, "files.txt"), `plugin/${FILE}\nplugin/package.json\n`);
      const size = gzipSync(readFileSync(join(OUT, "plugin", FILE))).length;
      if (size > 400 * 1024) throw new Error(`the extension has ${size} bytes gzipped: 400 KiB are too many to load before any page of Rancher`);
    },
  };
}

export default defineConfig({
  plugins: [vue(), texts(), told()],
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    lib: { entry: at("./rancher/index.ts"), formats: ["umd"], name: GLOBAL, fileName: () => `plugin/${FILE}` },
    rollupOptions: { external: ["vue"], output: { globals: { vue: "Vue" }, exports: "named", inlineDynamicImports: true, footer } },
  },
});
