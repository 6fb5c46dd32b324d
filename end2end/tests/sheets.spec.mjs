// Google Sheets: out to the consent page and back, a spreadsheet by its address, with and without islands.
import { card, disconnect, expect, integrations, open, panel, signIn, test } from "../support.mjs";

const name = "Google Sheets";
const word = "google_sheets";
const desk = "frontdesk@harbor.example";

test.beforeEach(async ({ page }) => signIn(page, "owner@harbor.example"));

/** The address of the spreadsheet that an account of the stand-in owns. */
const address = (email) =>
  `https://docs.google.com/spreadsheets/d/1SandboxSpreadsheet-own-${email.replace(/[@.]/g, "-")}/edit#gid=0`;

async function begin(page, scripts) {
  await disconnect(page, name, word);
  await open(page, `${integrations}?panel=${word}`, scripts);
  await panel(page).getByRole("button", { name: "Connect with Google" }).click();
  await expect(page.getByRole("heading", { name: "Sign in with Google" })).toBeVisible();
  await page.getByLabel(desk).check();
}

test("a spreadsheet is connected on Google's page, and one that is not shared is refused by name", async ({ page, scripts }) => {
  await begin(page, scripts);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText(`${name} is connected as ${desk}`, { exact: false })).toBeVisible();

  // That of the other clinic's account is one that Google does not show to this one.
  await panel(page).getByLabel(/^Spreadsheet/).fill(address("frontdesk@sunrise.example"));
  await panel(page).getByRole("button", { name: "Test and save" }).click();
  await expect(page.locator("[data-outcome=refused]")).toContainText("Share the spreadsheet with the account");

  await open(page, `${integrations}?panel=${word}`, scripts);
  await panel(page).getByLabel(/^Spreadsheet/).fill(address(desk));
  await panel(page).getByRole("button", { name: "Test and save" }).click();
  await expect(page.getByText(`${name} is connected`, { exact: true })).toBeVisible();
  await expect(card(page, name).locator("[data-state]")).toHaveText("Connected");

  await card(page, name).getByRole("link", { name: `Disconnect ${name}` }).click();
  await panel(page).getByRole("button", { name: `Disconnect ${name}` }).click();
  await expect(page.getByText(`${name} is disconnected`, { exact: true })).toBeVisible();
});

test("without the box nothing is saved, and cancelling says so", async ({ page, scripts }) => {
  await begin(page, scripts);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("You cancelled at Google", { exact: false })).toBeVisible();
  await page.goto(integrations);
  await expect(card(page, name).getByRole("link", { name: `Disconnect ${name}` })).toHaveCount(0);
});
