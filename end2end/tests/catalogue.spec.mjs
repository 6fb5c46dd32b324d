// Every provider that is connected with a key: its form, its success, its card, with islands and without.
// The providers and what to type come from the server's own list, so a new one is found by itself.
import { card, disconnect, expect, faults, integrations, open, panel, signIn, submit, test } from "../support.mjs";
import { ready } from "../server.mjs";

/** Word, name and fields of every provider with a form. Vapi and Twilio have specs of their own, and so has consent. */
const keyed = () =>
  Object.entries(ready().sandbox.fields)
    .map(([word, { name, fields }]) => ({ word, name, fields }))
    .filter(({ word, fields }) => fields.length > 0 && !["vapi", "twilio"].includes(word) && !word.startsWith("google_"));

/** What is called a key and is a name: shown like a user name is. */
const names = new Set(["vonage.apiKey"]);

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function fill(page, fields) {
  for (const { label, value } of fields) {
    await panel(page).getByLabel(new RegExp(`^${escaped(label)}`)).fill(value);
  }
}

test.beforeEach(async ({ page }) => signIn(page, "owner@harbor.example"));

// Every provider in one test: longer than one flow may take.
test.describe.configure({ timeout: 90_000 });

test("each provider is connected with its key, shows what it can do, and hides the key", async ({ page, scripts }) => {
  test.slow();
  expect(keyed().map(({ word }) => word).sort()).toEqual(
    ["elevenlabs", "hubspot", "n8n", "resend", "retell", "sns", "stripe", "vonage", "whatsapp"],
  );
  for (const { word, name, fields } of keyed()) {
    await test.step(name, async () => {
      await disconnect(page, name, word);
      await open(page, `${integrations}?panel=${word}`, scripts);
      await fill(page, fields);
      await submit(page).click();
      await expect(page.getByText(`${name} is connected`, { exact: true })).toBeVisible();
      await page.goto(integrations);
      await expect(card(page, name).locator("[data-state]")).toHaveText("Connected");
      const shown = await page.content();
      for (const { key, value } of fields.filter(({ key }) => /(key|token|secret)$/i.test(key) && !names.has(`${word}.${key}`))) {
        expect(shown.includes(value), `${name}: ${key}`).toBe(false);
      }
    });
  }
});

test("a refusal of any provider is shown at its form and keeps the good key", async ({ page, request, scripts }) => {
  test.slow();
  for (const { word, name, fields } of keyed()) {
    await test.step(name, async () => {
      await disconnect(page, name, word);
      await open(page, `${integrations}?panel=${word}`, scripts);
      await fill(page, fields);
      await faults(request, { [word]: "unauthorized" });
      try {
        await submit(page).click();
        await expect(panel(page).locator("[data-outcome=refused]")).toContainText(name);
        await expect(panel(page).getByRole("button", { name: "Save anyway" })).toHaveCount(0);
      } finally {
        await faults(request);
      }
      // What was typed waits, sealed: it is sent again without being typed again. By the keyboard: the
      // report takes the focus and moves the form under a pointer.
      await submit(page).press("Enter");
      await expect(page.getByText(`${name} is connected`, { exact: true })).toBeVisible();
    });
  }
});

test("a card is paused and resumed, keeps a second account, and is removed for good by the owner", async ({ page, scripts }) => {
  const { word, name, fields } = keyed().find(({ word }) => word === "elevenlabs");
  await disconnect(page, name, word);
  await open(page, `${integrations}?panel=${word}`, scripts);
  await fill(page, fields);
  await submit(page).click();
  await expect(page.getByText(`${name} is connected`, { exact: true })).toBeVisible();

  await open(page, `${integrations}?panel=${word}&confirm=disconnect`, scripts);
  await panel(page).getByRole("button", { name: `Pause ${name}` }).click();
  await expect(page.getByText(`${name} is paused`, { exact: true })).toBeVisible();
  await expect(card(page, name).locator("[data-state]").first()).toHaveText("Paused");
  await card(page, name).getByRole("button", { name: "Resume" }).click();
  await expect(page.getByText(`${name} is in use again`, { exact: true })).toBeVisible();
  await expect(card(page, name).locator("[data-state]").first()).toHaveText("Connected");

  // A second account stands beside it until it is made the primary one; here it goes again.
  await open(page, `${integrations}?panel=${word}&account=new`, scripts);
  await panel(page).getByLabel("Name of this account", { exact: false }).fill("Branch office");
  await fill(page, fields);
  await submit(page).click();
  await expect(card(page, name)).toContainText("More accounts (1)");
  await remove(page, scripts, `${name} (Branch office)`, `${integrations}?panel=${word}&account=Branch+office&confirm=disconnect`);
  await expect(card(page, name).getByText("Branch office")).toHaveCount(0);

  // What a disconnect leaves is removed from the card itself.
  await disconnect(page, name, word);
  await page.goto(integrations);
  await card(page, name).getByRole("link", { name: `Remove for good what is stored for ${name}` }).click();
  await remove(page, scripts, name);
  await expect(card(page, name).getByRole("button", { name: "Restore" })).toHaveCount(0);
});

/** Deletes what is stored, with the box ticked that says so. */
async function remove(page, scripts, what, path = page.url()) {
  await open(page, path, scripts);
  const form = panel(page).locator("details");
  if (!(await form.getByRole("checkbox").isVisible())) await form.locator("summary").click();
  await form.getByRole("checkbox").check();
  await form.getByRole("button", { name: `Delete ${what} for good` }).click();
  await expect(page.getByText(`Everything stored for ${what} is deleted`, { exact: true })).toBeVisible();
}

test("what no provider could check now is saved anyway where somebody asks for it", async ({ page, request, scripts }) => {
  const { word, name, fields } = keyed().find(({ word }) => word === "stripe");
  await disconnect(page, name, word);
  await open(page, `${integrations}?panel=${word}`, scripts);
  await fill(page, fields);
  await faults(request, { [word]: "throttled" });
  try {
    await submit(page).click();
    const report = panel(page).locator("[data-outcome=undetermined]");
    await expect(report).toContainText("Try again in 7 s.");
    await panel(page).getByRole("button", { name: "Save anyway" }).click();
    await expect(page.getByText(`${name} is connected`, { exact: true })).toBeVisible();
    await page.goto(integrations);
    await expect(card(page, name).locator("[data-state]")).toHaveText("Cannot check right now");
  } finally {
    await faults(request);
  }
  await card(page, name).getByRole("button", { name: "Verify" }).click();
  await expect(page.getByText(`${name} works`, { exact: true })).toBeVisible();
});
