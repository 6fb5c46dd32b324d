// How the browser tests run: every spec twice, once as most people browse and once without scripts, because
// every flow must work without WASM. A test that needs islands is tagged `@wasm`, one that is only about
// their absence `@plain`.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

/** The system's Chromium: Playwright's own builds cannot be downloaded everywhere. */
function chromium() {
  const found = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (existsSync(found)) return found;
  try {
    return execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
  } catch {
    throw new Error("Chromium is missing: run `tools/setup e2e`, or set CHROMIUM to its path");
  }
}

const islands = process.env.VOXANNE_WASM !== "no";

export default defineConfig({
  testDir: "./tests",
  outputDir: "./test-results",
  globalSetup: "./server.mjs",
  // One server and one database serve all tests, and the machine may have two cores.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 30_000,
  expect: { timeout: 7_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"], ["./reporter.mjs"]],
  use: {
    // The server picks a free port; server.mjs sets this before the workers start.
    baseURL: process.env.VOXANNE_URL,
    locale: "en-US",
    timezoneId: "America/New_York",
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: chromium(),
      args: [
        // Chromium's own sandbox does not start under root.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    // Where no WASM could be built there are no islands to test; everything else still is.
    { name: "wasm", grepInvert: islands ? /@plain\b/ : /@(plain|wasm)\b/ },
    { name: "plain", use: { javaScriptEnabled: false }, grepInvert: /@wasm\b/ },
  ],
});
