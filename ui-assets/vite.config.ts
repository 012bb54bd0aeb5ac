// Builds the pages that the service serves at `/`: hashed files, each with a gzipped copy beside it, no inline script or style.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";
import { texts } from "./yaml-plugin";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const OUT = at("../api/pages");
const WORTH = 1024;

function gzipped(): Plugin {
  const compress = (folder: string): void => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) compress(path);
      else if (/\.(js|css|html|svg)$/.test(name) && statSync(path).size > WORTH)
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }));
    }
  };
  return { name: "gzipped", apply: "build", closeBundle: () => compress(OUT) };
}

export default defineConfig({
  root: at("./standalone"),
  base: "/",
  plugins: [vue(), texts(), gzipped()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
});
