// What all specs share: signing in, waiting until the islands are awake, and the sandbox's accounts.
//
// Every page of every test is listened to: an error on its console, or something that the content security
// policy stopped, fails the test in which it happened.
import { test as base, expect } from "@playwright/test";
import { ready } from "./server.mjs";

export { expect };

/** The sandbox's accounts, as its own page shows them. */
export const vapi = {
  sunrise: "aaaaaaaa-0000-4000-8000-000000000001",
  sunrisePublic: "aaaaaaaa-0000-4000-8000-000000000002",
  harbor: "bbbbbbbb-0000-4000-8000-000000000001",
};
export const twilio = {
  sunrise: { sid: "AC" + "a".repeat(32), token: "aaaa0000".repeat(4), number: "+15550100100" },
  harbor: { sid: "AC" + "b".repeat(32), token: "bbbb0000".repeat(4), number: "+15550100200" },
};
export const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

export const integrations = "/dashboard/integrations";

export const test = base.extend({
  /** Whether this run has islands. */
  scripts: async ({ javaScriptEnabled }, use) => use(javaScriptEnabled !== false),
  page: async ({ page }, use) => {
    const heard = listen(page);
    await use(page);
    expect(heard, "the console stays silent").toEqual([]);
  },
});

/** Collects what a page's console should not say. */
export function listen(page) {
  const heard = [];
  page.on("pageerror", (error) => heard.push(error.message));
  page.on("console", (message) => {
    // Chromium reports every page with an error status, and error pages are tested here.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of");
    const isPage = message.location().url === page.url() || message.location().url.includes("/dashboard");
    if (message.type() === "error" && !(isStatus && isPage)) heard.push(message.text());
  });
  return heard;
}

/** Who signs in where: `account("owner@sunrise.example")`. */
export function account(email) {
  const found = ready().accounts.find((one) => one.email === email);
  if (!found) throw new Error(`the demo has no account ${email}`);
  return found;
}

const sessions = new Map();

/** Signs in; the second time with the cookie of the first, because sign-ins are slow on purpose. */
export async function signIn(page, email) {
  if (!sessions.has(email)) {
    // Signing in ends the session that was there, and another test still needs that one.
    await page.context().clearCookies();
    await fillSignIn(page, email, account(email).password);
    await expect(page).toHaveURL(/\/dashboard$/);
    sessions.set(email, await page.context().cookies());
  }
  await page.context().addCookies(sessions.get(email));
}

/** Opens the sign-in page and sends its form. */
export async function fillSignIn(page, email, password, path = "/login") {
  await page.goto(path);
  await page.getByLabel("E-mail address", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Opens a page and waits until its islands are awake, where there are any. */
export async function open(page, path, scripts) {
  const response = await page.goto(path);
  if (scripts) await awake(page);
  return response;
}

/** Waits until every island has said that it is awake. */
export async function awake(page) {
  const asleep = [".panel-host", ".connect", ".form-help", "[data-live-times]", "[data-chart-tips]", ".live-region"];
  await expect(page.locator(asleep.map((island) => `${island}:not([data-hydrated])`).join(", "))).toHaveCount(0);
}

export const card = (page, name) => page.getByRole("article", { name, exact: true });
export const panel = (page) => page.getByRole("dialog");
export const submit = (page) => panel(page).getByRole("button", { name: "Test and save" });

/** Connects Vapi with a key that works, up to the success message. */
export async function connectVapi(page, scripts, key) {
  await open(page, `${integrations}?panel=vapi`, scripts);
  await panel(page).getByLabel(/^Private key/).fill(key);
  await submit(page).click();
  await expect(page.locator("[data-success]")).toContainText("Vapi is connected");
}

/** Connects Twilio with an Auth Token that works. */
export async function connectTwilio(page, scripts, demo) {
  await open(page, `${integrations}?panel=twilio`, scripts);
  await fillTwilio(page, demo);
  await submit(page).click();
  await expect(page.getByText("Twilio is connected", { exact: true })).toBeVisible();
}

export async function fillTwilio(page, demo) {
  const form = panel(page);
  await form.getByLabel(/^Account SID/).fill(demo.sid);
  await form.getByLabel(/^Auth Token/).fill(demo.token);
  await form.getByLabel(/^Phone number/).fill(demo.number);
}

/** Disconnects a provider where it is connected: how a spec begins from nothing. */
export async function disconnect(page, name, word = name.toLowerCase()) {
  await page.goto(`${integrations}?panel=${word}&confirm=disconnect`);
  const button = panel(page).getByRole("button", { name: `Disconnect ${name}` });
  if (await button.isVisible()) {
    await button.click();
    await expect(page.getByText(`${name} is disconnected`, { exact: true })).toBeVisible();
  }
}

/** Sets how the stand-ins answer: `faults(request, { vapi: "server_error" })`; what is not named works again. */
export async function faults(request, form = {}) {
  const answer = await request.post(new URL("faults", ready().sandbox.page).href, { form: { vapi: "none", ...form } });
  expect(answer.ok()).toBe(true);
}

export const sandboxPage = () => ready().sandbox.page;
