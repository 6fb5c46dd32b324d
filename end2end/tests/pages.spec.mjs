// Every page: no violation of accessibility rules, one heading, all within the width of a phone, a keyboard
// that reaches everything. That no console says anything is watched in every test (support.mjs).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { card, connectTwilio, connectVapi, disconnect, expect, integrations, open, panel, sandboxPage, signIn, test, twilio, vapi } from "../support.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const signedIn = [
  "/dashboard",
  integrations,
  `${integrations}?show=works`,
  `${integrations}?panel=vapi`,
  `${integrations}?panel=twilio`,
  `${integrations}?panel=twilio&confirm=disconnect`,
  `${integrations}?panel=sms`,
  "/dashboard/agents",
  "/dashboard/events",
  "/dashboard/events?kind=nothing-of-this-kind",
  "/dashboard/events/test",
  "/dashboard/audit",
  "/dashboard/settings",
  "/dashboard/nothing-here",
];

test("every page has one heading and fits a phone", async ({ page, scripts }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await signIn(page, "owner@sunrise.example");
  for (const path of [...signedIn, sandboxPage(), "/login"]) {
    await open(page, path, scripts && path !== sandboxPage());
    await expect(page.locator("h1"), path).toHaveCount(1);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wider, `${path} scrolls sideways`).toBeLessThanOrEqual(0);
  }
});

for (const scheme of ["light", "dark"]) {
  test(`no page breaks a rule of accessibility (${scheme}) @wasm`, async ({ page, scripts }) => {
    test.setTimeout(90_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.goto("/login");
    await check(page, "/login");
    await signIn(page, "owner@sunrise.example");
    for (const name of ["Vapi", "Twilio"]) await disconnect(page, name);
    await open(page, integrations, scripts);
    await check(page, "nothing connected");
    await connectVapi(page, scripts, vapi.sunrise);
    await connectTwilio(page, scripts, twilio.sunrise);
    for (const path of [...signedIn, sandboxPage()]) {
      await open(page, path, path !== sandboxPage());
      await check(page, path);
    }
    await signIn(page, "member@sunrise.example");
    for (const path of [integrations, "/dashboard/agents", "/dashboard/settings", `${integrations}?panel=vapi`]) {
      await open(page, path, true);
      await check(page, `${path} as a member`);
    }
  });
}

/** Nothing serious and nothing critical. Text on the page beneath an open dialog is not judged: it is inert. */
async function check(page, what) {
  // `evaluate` needs no permission of the page's content security policy; a script element would.
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
  });
  expect(violations, what).toEqual([]);
}

test("the keyboard reaches the skip link and the main button of a panel", async ({ page, scripts }) => {
  await signIn(page, "owner@sunrise.example");
  await open(page, "/dashboard/audit", scripts);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();

  await open(page, integrations, scripts);
  await card(page, "Vapi").getByRole("link", { name: /Vapi$/ }).first().click();
  const main = panel(page).getByRole("button", { name: "Test and save" });
  await expect(main).toBeVisible();
  await panel(page).getByLabel(/^Private key/).focus();
  await expect(async () => {
    await page.keyboard.press("Tab");
    await expect(main).toBeFocused({ timeout: 50 });
  }).toPass({ intervals: [0], timeout: 5_000 });
});
