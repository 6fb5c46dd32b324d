// Starts the built server for the browser tests and stops it afterwards.
//
// The server is asked for a free port and writes what the tests need to know (its address, the sandbox's
// addresses, the demo accounts) to a file. Tests read that file through `ready()`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
const program = process.env.VOXANNE_BIN ?? join(target, "debug/voxanne");
const longestStart = 60_000;
const longestStop = 30_000;

/** What the server wrote when it was ready to answer. */
export function ready() {
  return JSON.parse(readFileSync(process.env.VOXANNE_READY_FILE, "utf8"));
}

/** Playwright calls this once before all tests, and what it returns once after them. */
export default async function globalSetup() {
  // A server that somebody started by hand is used as it is.
  if (process.env.VOXANNE_URL) return undefined;
  const folder = join(target, "e2e", String(process.pid));
  mkdirSync(folder, { recursive: true });
  const readyFile = join(folder, "ready.json");
  const logFile = join(folder, "server.log");
  const log = openSync(logFile, "w");
  const server = spawn(program, ["serve", "--sandbox", "--port", "0", "--ready-file", readyFile], {
    cwd: root,
    env: { ...withoutSettings(), DATA_DIR: join(folder, "data") },
    stdio: ["ignore", log, log],
  });
  let failure;
  server.once("error", (error) => (failure = error.message));
  server.once("exit", (code, signal) => (failure ??= `it ended with ${signal ?? code}`));

  const began = Date.now();
  while (!existsSync(readyFile)) {
    if (!failure && Date.now() - began > longestStart) {
      failure = `it was not ready after ${longestStart / 1000} seconds`;
      server.kill("SIGKILL");
    }
    if (failure) {
      const said = readFileSync(logFile, "utf8").slice(-4000);
      throw new Error(`the server ${program} does not start: ${failure}\n${said}`);
    }
    await sleep(50);
  }
  process.env.VOXANNE_READY_FILE = readyFile;
  process.env.VOXANNE_URL = ready().url;

  return async () => {
    const wasRunning = server.exitCode === null && server.signalCode === null;
    if (wasRunning) {
      const ended = once(server, "exit");
      // SIGTERM lets it end its database in order.
      server.kill("SIGTERM");
      const outcome = await Promise.race([ended, sleep(longestStop, "late", { ref: false })]);
      if (outcome === "late") {
        server.kill("SIGKILL");
        throw new Error(`the server did not stop within ${longestStop / 1000} seconds`);
      }
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    throw new Error(`the server ended during the tests: ${failure}; its log is ${logFile}`);
  };
}

/** The sandbox brings its own database, keys and addresses: what the shell has set must not replace them. */
function withoutSettings() {
  const settings = /^(DATABASE_|ENCRYPTION_|PUBLIC_URL$|PORT$|BIND$|SANDBOX$|READY_FILE$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));
}
