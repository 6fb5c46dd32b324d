// Events out: an endpoint at the stand-in of n8n is added, tried, looked at and replayed.
import { ready } from "../server.mjs";
import { expect, open, panel, signIn, test } from "../support.mjs";

const home = "/dashboard/webhooks";

/** Deletes the endpoint where it is there: how a test begins from nothing. */
async function remove(page, name) {
  const answer = await page.goto(`${home}/endpoints/${name}?panel=delete`);
  if (answer.status() === 404) return;
  await panel(page).getByRole("button", { name: `Delete ${name}` }).click();
  await expect(page.getByText(`${name} is deleted`, { exact: true })).toBeVisible();
}

test.beforeEach(async ({ page }) => {
  await signIn(page, "owner@harbor.example");
});

test("an endpoint is added, tried, looked at and replayed", async ({ page, scripts }) => {
  const name = scripts ? "browser-leads" : "browser-leads-plain";
  await remove(page, name);
  await open(page, `${home}?panel=new`, scripts);
  const form = panel(page);
  await form.getByLabel("Name", { exact: true }).fill(name);
  await form.getByLabel(/^Address/).fill(`${ready().sandbox.n8n}webhook/demo/${name}`);
  await form.getByLabel(/^lead\.hot/).check();
  await form.getByRole("button", { name: "Add endpoint" }).click();

  const once = page.locator("[data-secret-once]");
  await expect(once.locator("[data-copy]")).toHaveText(/^whsec_/);
  if (scripts) await expect(once.getByRole("button", { name: "Copy" })).toBeVisible();
  await page.goto(`${home}/endpoints/${name}`);
  await expect(page.locator("[data-secret-once]")).toHaveCount(0);

  await page.getByLabel("Sample of", { exact: true }).selectOption("lead.hot");
  await page.getByRole("button", { name: "Send a test event" }).click();
  await expect(page.getByText(`A sample of lead.hot is on its way to ${name}`)).toBeVisible();
  const delivery = new URL(page.url()).pathname;
  await expect(async () => {
    await page.goto(delivery);
    await expect(page.getByRole("heading", { name: "Try 1" })).toBeVisible({ timeout: 500 });
  }).toPass();
  await expect(page.getByText("Sam Example")).toHaveCount(0);
  await page.getByRole("link", { name: "Open what was sent" }).click();
  await expect(page.locator("pre").first()).toContainText("Sam Example");
  await expect(page.locator("pre").filter({ hasText: "Workflow was started" }).first()).toBeVisible();

  await page.getByRole("button", { name: "Send it again" }).click();
  await expect(page.getByText("It goes out again, under the same id")).toBeVisible();
  await expect(async () => {
    await page.goto(delivery);
    await expect(page.getByRole("heading", { name: "Try 2" })).toBeVisible({ timeout: 500 });
  }).toPass();
  await open(page, home, scripts);
  const row = page.getByRole("row", { name: new RegExp(`^${name} `) });
  await expect(row).toContainText("100.00 %");
});

test("a form that was not right keeps token and headers, masked", async ({ page, scripts }) => {
  const name = scripts ? "browser-kept" : "browser-kept-plain";
  const token = "a-very-secret-token-of-forty-characters-or-more";
  await remove(page, name);
  await open(page, `${home}?panel=new`, scripts);
  const form = panel(page);
  const address = form.getByLabel(/^Address/);
  const url = `${ready().sandbox.n8n}webhook/demo/${name}`;
  await form.getByLabel("Name", { exact: true }).fill("Not A Name");
  await address.fill(url);
  await form.getByText("Token or headers").click();
  await form.getByLabel(/^Bearer token/).fill(token);
  await form.getByLabel(/^Headers of your own/).fill("X-Key: a-key-that-nobody-reads");
  await form.getByRole("button", { name: "Add endpoint" }).click();

  await expect(form.getByText("Use 1 to 64 small letters")).toBeVisible();
  await expect(address).toHaveValue(url);
  await expect(form.getByLabel(/^Bearer token/)).toHaveValue("");
  await expect(form.getByLabel(/^Bearer token/)).toHaveAttribute("placeholder", /^Kept from your last try/);
  await expect(form.getByText("a-***-reads")).toBeVisible();
  expect(await page.content()).not.toContain(token);
  await form.getByLabel("Name", { exact: true }).fill(name);
  await form.getByRole("button", { name: "Add endpoint" }).click();
  await expect(page.locator("[data-secret-once]")).toBeVisible();
  await page.goto(`${home}/endpoints/${name}`);
  await expect(page.getByText("authorization: Bearer a-v***r-more, x-key: a-***-reads")).toBeVisible();
});

test("charts say what the pointer is over, and their numbers stand in a table", async ({ page, scripts }) => {
  await open(page, `${home}/analytics?range=today`, scripts);
  const chart = page.locator("#over-time");
  await expect(chart).toContainText("tries were taken");
  await chart.getByText("Numbers").click();
  await expect(chart.getByRole("columnheader", { name: "Successful" })).toBeVisible();
  if (scripts) {
    await chart.locator("[data-tip]").last().hover();
    await expect(chart.locator("[data-readout]")).toContainText("successful: ");
  }
});

test("the pages fit a phone, and every entry of the navigation is within reach", async ({ page, scripts }) => {
  await page.setViewportSize({ width: 360, height: 800 });
  for (const path of [home, `${home}?panel=new`, `${home}/analytics`, `${home}/deliveries`, `${home}/attempts`]) {
    await open(page, path, scripts);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, path).toBeLessThanOrEqual(0);
  }
  await page.locator(".nav-more > summary").click();
  await page.locator(".nav-more").getByRole("link", { name: "Settings", exact: true }).click();
  await expect(page).toHaveURL(/\/dashboard\/settings$/);
});
