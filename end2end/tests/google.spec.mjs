// Google Calendar: out to the consent page and back, with and without islands.
import { card, expect, integrations, open, panel, signIn, test } from "../support.mjs";

const name = "Google Calendar";
const desk = "frontdesk@harbor.example";

test.beforeEach(async ({ page }) => signIn(page, "owner@harbor.example"));

/** Disconnects where it is connected: how each test begins from nothing. */
async function begin(page, scripts) {
  await page.goto(`${integrations}?panel=google_calendar&confirm=disconnect`);
  const button = panel(page).getByRole("button", { name: `Disconnect ${name}` });
  if (await button.isVisible()) {
    await button.click();
    await expect(page.getByText(`${name} is disconnected`, { exact: true })).toBeVisible();
  }
  await open(page, `${integrations}?panel=google_calendar`, scripts);
  await panel(page).getByRole("button", { name: "Connect with Google" }).click();
  await expect(page.getByRole("heading", { name: "Sign in with Google" })).toBeVisible();
  await page.getByLabel(desk).check();
}

test("a calendar is connected on Google's page, chosen, and given back", async ({ page, scripts }) => {
  await begin(page, scripts);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText(`${name} is connected as ${desk}`, { exact: true })).toBeVisible();

  await panel(page).getByLabel("Calendar for bookings").selectOption({ label: "Dr. Nord" });
  await panel(page).getByRole("button", { name: "Test and save" }).click();
  await expect(page.getByText(`${name} is connected`, { exact: true })).toBeVisible();
  await expect(card(page, name).locator("[data-state]")).toHaveText("Connected");
  await card(page, name).getByText("Details").click();
  await expect(card(page, name)).toContainText("nord@group.calendar.google.com");

  await card(page, name).getByRole("link", { name: `Disconnect ${name}` }).click();
  await panel(page).getByRole("button", { name: `Disconnect ${name}` }).click();
  await expect(page.getByText(`${name} is disconnected`, { exact: true })).toBeVisible();
  await expect(card(page, name).getByRole("link", { name: `Reconnect ${name}` })).toBeVisible();
});

test("a box that was unticked is named on the card, and cancelling changes nothing", async ({ page, scripts }) => {
  await begin(page, scripts);
  await page.getByLabel("View and edit events on all your calendars").uncheck();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText(`${name} is connected as ${desk}, with limits`, { exact: true })).toBeVisible();
  await page.goto(integrations);
  await expect(card(page, name).locator("[data-state]")).toHaveText("Connected (limited)");
  await expect(card(page, name)).toContainText("Appointments cannot be booked.");

  await open(page, `${integrations}?panel=google_calendar`, scripts);
  await panel(page).getByRole("button", { name: "Sign in again" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("You cancelled at Google", { exact: false })).toBeVisible();
  await expect(card(page, name).locator("[data-state]")).toHaveText("Connected (limited)");
});
