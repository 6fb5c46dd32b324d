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

test("each provider is connected with its key, shows what it can do, and hides the key", async ({ page, scripts }) => {
  test.slow();
  expect(keyed().length).toBeGreaterThan(3);
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
