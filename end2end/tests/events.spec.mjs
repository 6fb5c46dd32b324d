// The inbox: a test event from the form to its page, filters, running it again, and lists that keep true by
// themselves where there are islands and by a reload where there are none.
import { awake, connectVapi, disconnect, expect, integrations, open, signIn, test, vapi } from "../support.mjs";

const events = "/dashboard/events";

async function begin(page, scripts) {
  await signIn(page, "owner@sunrise.example");
  await page.goto(integrations);
  await disconnect(page, "Vapi");
  await connectVapi(page, scripts, vapi.sunrise);
}

/** Sends a test event; the page that follows is the event's own. */
async function send(page, kind) {
  await page.goto(`${events}/test`);
  await page.getByLabel("Type of message").selectOption(kind);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByText(`${kind} was verified, stored and answered with 200`)).toBeVisible();
}

test("a test event is sent, looked into, filtered and run again", async ({ page, scripts }) => {
  await begin(page, scripts);
  await send(page, "end-of-call-report");
  const call = await page.getByRole("definition").getByText(/^voxanne-test-/).textContent();
  const stages = page.getByRole("table", { name: "Stages of this event" });
  for (const stage of ["received", "verified", "sealed"]) {
    await expect(stages.getByRole("rowheader", { name: stage, exact: true })).toBeVisible();
  }
  await expect(page.getByLabel("Payload as JSON")).not.toContainText("+15550100199");

  // The worker ends it; without islands a reload shows it.
  await expect(async () => {
    if (!scripts) await page.reload();
    await expect(stages.getByRole("rowheader", { name: "worked off" })).toHaveCount(1, { timeout: 1_500 });
  }).toPass({ timeout: 15_000 });

  await page.getByRole("button", { name: "Run it again" }).click();
  await expect(page.getByText("The event is run again")).toBeVisible();
  await expect(async () => {
    if (!scripts) await page.reload();
    await expect(stages.getByRole("rowheader", { name: "worked off" })).toHaveCount(2, { timeout: 1_500 });
  }).toPass({ timeout: 15_000 });

  await page.getByRole("link", { name: "Open in full" }).click();
  await expect(page.getByLabel("Payload as JSON")).toContainText("+15550100199");
  await page.goto("/dashboard/audit");
  for (const action of ["event.opened", "event.replayed", "event.tested"]) {
    await expect(page.getByText(action, { exact: true }).first()).toBeVisible();
  }

  await page.goto(events);
  await page.getByRole("search").getByLabel("Call").fill(call);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.getByRole("table", { name: "Inbound events" }).getByRole("row")).toHaveCount(2);
});

test("a list shows a new event by itself within a second or two, and keeps what a reader has done", async ({ page, context, scripts }) => {
  await begin(page, scripts);
  await send(page, "hang");
  await open(page, events, scripts);
  const rows = page.getByRole("table", { name: "Inbound events" }).getByRole("rowheader");
  const first = page.getByRole("table", { name: "Inbound events" }).getByRole("row").nth(1);
  await first.getByText(/stages/).click();
  const link = first.getByRole("rowheader").getByRole("link");
  const href = await link.getAttribute("href");
  await link.focus();

  const other = await context.newPage();
  await send(other, "user-interrupted");
  if (!scripts) await page.reload();
  await expect(rows.first()).toContainText("user-interrupted", { timeout: 5_000 });
  if (scripts) {
    await expect(page.locator(`a[href="${href}"]`)).toBeFocused();
    const row = page.getByRole("row").filter({ has: page.locator(`a[href="${href}"]`) });
    await expect(row.getByRole("listitem").first()).toBeVisible();
    await awake(page);
  }
  await other.close();
});

test("another clinic's events never come", async ({ page, browser, scripts }) => {
  await begin(page, scripts);
  const others = await browser.newContext({ javaScriptEnabled: scripts, baseURL: new URL("/", page.url()).href });
  const other = await others.newPage();
  await signIn(other, "owner@harbor.example");
  await open(other, events, scripts);
  await send(page, "hang");
  const call = await page.getByRole("definition").getByText(/^voxanne-test-/).textContent();
  if (!scripts) await other.reload();
  await other.waitForTimeout(2_500);
  await expect(other.getByText(call)).toHaveCount(0);
  await others.close();
});
