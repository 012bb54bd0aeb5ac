import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";
import { texts } from "./yaml-plugin";

export default defineConfig({ plugins: [vue(), texts()], test: { include: ["tests/**/*.test.ts"], environment: "node" } });
