// The test message: what Twilio said about it, and a sentence for what is wrong.
import { card, connectTwilio, disconnect, expect, integrations, open, panel, signIn, test, twilio } from "../support.mjs";

test.beforeEach(async ({ page, scripts }) => {
  await signIn(page, "owner@harbor.example");
  await disconnect(page, "Twilio");
  await connectTwilio(page, scripts, twilio.harbor);
});

test("a test message shows its id, its status and its time", async ({ page, scripts }) => {
  await open(page, integrations, scripts);
  await card(page, "Twilio").getByRole("link", { name: "Send test SMS" }).click();
  await panel(page).getByLabel("Send to", { exact: true }).fill("+1 555 010 0199");
  await panel(page).getByRole("button", { name: "Send test SMS" }).click();
  const result = page.getByRole("status");
  await expect(result).toContainText("Twilio took the message");
  await expect(result).toContainText(/SM[0-9a-f]{32}/);
  await expect(result).toContainText(/queued|accepted|sent/);
  await expect(result).toContainText(/\d\.\d s/);
});

test("a number that cannot be one is said in a sentence, and stays", async ({ page, scripts }) => {
  await open(page, `${integrations}?panel=sms`, scripts);
  const to = panel(page).getByLabel("Send to", { exact: true });
  await to.fill("555 0100");
  await panel(page).getByRole("button", { name: "Send test SMS" }).click();
  await expect(panel(page)).toContainText("Start with + and the country code, for example +1 555 010 0123.");
  await expect(to).toHaveValue("555 0100");
});
