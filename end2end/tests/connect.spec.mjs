// Connecting a provider: refused, undetermined, edited, disconnected, restored.
import { awake, card, connectTwilio, connectVapi, disconnect, expect, faults, fillTwilio, integrations, open, panel, signIn, submit, test, twilio, uuid, vapi } from "../support.mjs";

test.beforeEach(async ({ page }) => signIn(page, "owner@harbor.example"));

test("a refused key names both causes, comes back nowhere, and is corrected alone", async ({ page, scripts }) => {
  await disconnect(page, "Vapi");
  await open(page, `${integrations}?panel=vapi`, scripts);
  await panel(page).getByLabel(/^Private key/).fill(vapi.sunrisePublic);
  await submit(page).click();
  const sentence = "Vapi rejected the key: it is wrong, or it is the public key instead of the private one.";
  await expect(panel(page).locator("[data-outcome=refused]")).toContainText(sentence);
  await expect(panel(page).getByRole("button", { name: "Save anyway" })).toHaveCount(0);
  if (!scripts) expect(await page.content()).not.toContain(vapi.sunrisePublic);

  await panel(page).getByLabel(/^Private key/).fill(vapi.harbor);
  await submit(page).click();
  await expect(page.locator("[data-success]").getByRole("definition")).toHaveText([uuid, uuid]);
});

test("typed values survive a refusal, and only the secret is typed again", async ({ page, scripts }) => {
  await disconnect(page, "Twilio");
  const wrong = "0".repeat(31) + "1";
  await open(page, `${integrations}?panel=twilio`, scripts);
  await fillTwilio(page, { ...twilio.harbor, token: wrong });
  await submit(page).click();
  await expect(panel(page).locator("[data-outcome=refused]")).toContainText("Twilio");
  await expect(panel(page).getByLabel(/^Account SID/)).toHaveValue(twilio.harbor.sid);
  await expect(panel(page).getByLabel(/^Phone number/)).toHaveValue(/^\+1 ?555 ?010 ?0200$/);
  expect((await page.content()).includes(wrong)).toBe(false);

  await panel(page).getByLabel(/^Auth Token/).fill(twilio.harbor.token);
  await submit(page).click();
  await expect(page.getByText("Twilio is connected", { exact: true })).toBeVisible();
});

test("what cannot be checked may be saved anyway, and is verified later", async ({ page, request, scripts }) => {
  await disconnect(page, "Twilio");
  await open(page, `${integrations}?panel=twilio`, scripts);
  await fillTwilio(page, twilio.harbor);
  await faults(request, { twilio: "invalid_json" });
  try {
    await submit(page).click();
    await expect(panel(page).locator("[data-outcome=undetermined]")).toBeVisible();
    await panel(page).getByRole("button", { name: "Save anyway" }).click();
    await expect(page.getByText("Twilio is connected", { exact: true })).toBeVisible();
    await page.goto(integrations);
    await expect(card(page, "Twilio").locator("[data-state]")).toHaveText("Cannot check right now");
  } finally {
    await faults(request);
  }
  await card(page, "Twilio").getByRole("button", { name: "Verify" }).click();
  await expect(page.getByText("Twilio works", { exact: true })).toBeVisible();
  await expect(card(page, "Twilio").locator("[data-state]")).toHaveText("Connected");
});

test("a connection is changed without typing its secret again", async ({ page, scripts }) => {
  await disconnect(page, "Twilio");
  await connectTwilio(page, scripts, twilio.harbor);
  await open(page, `${integrations}?panel=twilio`, scripts);
  const secret = panel(page).getByLabel(/^Auth Token/);
  await expect(secret).toHaveValue("");
  await expect(secret).toHaveAttribute("placeholder", /^Saved - ends in .+\. Leave empty to keep\.$/);
  await panel(page).getByText("More options").click();
  await panel(page).getByLabel(/^Display name/).fill("Front desk");
  await submit(page).click();
  await expect(page.getByText("Twilio is connected", { exact: true })).toBeVisible();
  await open(page, `${integrations}?panel=twilio`, scripts);
  await expect(panel(page).getByLabel(/^Display name/)).toHaveValue("Front desk");
  await expect(panel(page).getByLabel(/^Account SID/)).toHaveValue(twilio.harbor.sid);
});

test("disconnecting asks first, says what stops, and can be undone", async ({ page, scripts }) => {
  await disconnect(page, "Vapi");
  await connectVapi(page, scripts, vapi.harbor);
  await open(page, integrations, scripts);
  await card(page, "Vapi").getByRole("link", { name: "Disconnect Vapi" }).click();
  if (scripts) await awake(page);
  await expect(panel(page)).toContainText("Calls are no longer answered with this clinic's data");
  await panel(page).getByRole("link", { name: "Keep it connected" }).click();
  await expect(card(page, "Vapi").locator("[data-state]")).toHaveText("Connected");

  await card(page, "Vapi").getByRole("link", { name: "Disconnect Vapi" }).click();
  await panel(page).getByRole("button", { name: "Disconnect Vapi" }).click();
  await expect(page.getByText("Vapi is disconnected", { exact: true })).toBeVisible();
  await expect(card(page, "Vapi").locator("[data-state]")).toHaveText("Not configured");
  await card(page, "Vapi").getByRole("button", { name: "Restore" }).click();
  await expect(page.getByText("Vapi is connected again", { exact: true })).toBeVisible();
  await expect(card(page, "Vapi").locator("[data-state]")).toHaveText("Connected");
});

test("pastes are cleaned on the server as well", async ({ page, scripts }) => {
  await disconnect(page, "Vapi");
  await connectVapi(page, scripts, `  ${vapi.harbor} `);
});

test("help while typing: paste, phone numbers, shapes @wasm", async ({ page }) => {
  await open(page, `${integrations}?panel=twilio`, true);
  const sid = panel(page).getByLabel(/^Account SID/);
  await sid.fill("");
  await sid.evaluate((input, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, ` ${twilio.harbor.sid}\n`);
  await expect(sid).toHaveValue(twilio.harbor.sid);
  await expect(panel(page)).toContainText("Spaces and line breaks around the value were removed.");

  const phone = panel(page).getByLabel(/^Phone number/);
  await phone.fill("");
  await phone.pressSequentially("+15550100200");
  await expect(phone).toHaveValue("+1 555 010 0200");

  await sid.fill("SK" + "0".repeat(32));
  await sid.blur();
  await expect(sid).toHaveAttribute("aria-invalid", "true");
  await expect(panel(page)).toContainText("Account SID starts with AC and has 34 characters.");
  await sid.fill(twilio.harbor.sid);
  await expect(sid).not.toHaveAttribute("aria-invalid", "true");
});

test("each line of a test is shown as it is answered @wasm", async ({ page, request }) => {
  await disconnect(page, "Twilio");
  await open(page, `${integrations}?panel=twilio`, true);
  await fillTwilio(page, twilio.harbor);
  await faults(request, { twilio: "slow" });
  const line = (key) => panel(page).locator(`[data-capability=${key}]`);
  try {
    await submit(page).click();
    await expect(panel(page).locator("[aria-busy]")).toContainText("Asking Twilio");
    await expect(line("account")).toHaveClass(/is-works/);
    // The next one is still being asked, and nothing has been saved.
    await expect(line("send_sms")).toHaveClass(/is-waiting/);
    await expect(page.locator("[data-success]")).toHaveCount(0);
    await expect(page.locator("[data-success]")).toContainText("Twilio is connected");
  } finally {
    await faults(request);
  }
});

test("a tab that is closed in the middle leaves a whole connection @wasm", async ({ page, request }) => {
  await disconnect(page, "Twilio");
  await open(page, `${integrations}?panel=twilio`, true);
  await fillTwilio(page, twilio.harbor);
  await faults(request, { twilio: "slow" });
  try {
    await submit(page).click();
    await expect(panel(page).locator("[data-capability=account]")).toHaveClass(/is-works/);
    await page.goto("about:blank");
    await expect(async () => {
      await page.goto(integrations);
      await expect(card(page, "Twilio").locator("[data-state]")).toHaveText("Connected", { timeout: 50 });
    }).toPass({ timeout: 15_000 });
  } finally {
    await faults(request);
  }
});

test("a server that is away is said, and what was typed stays @wasm", async ({ page }) => {
  await disconnect(page, "Twilio");
  await open(page, `${integrations}?panel=twilio`, true);
  await fillTwilio(page, twilio.harbor);
  await page.route("**/twilio/connect", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }));
  await submit(page).click();
  await expect(panel(page).getByRole("alert").filter({ hasText: "The server did not answer this form." })).toBeVisible();
  await page.unroute("**/twilio/connect");
  await expect(panel(page).getByLabel(/^Account SID/)).toHaveValue(twilio.harbor.sid);
  await submit(page).click();
  await expect(page.locator("[data-success]")).toContainText("Twilio is connected");
});

test("success stays under the pointer and around the focus, and closes two seconds later @wasm", async ({ page, scripts }) => {
  await disconnect(page, "Vapi");
  await page.clock.install();
  await connectVapi(page, scripts, vapi.harbor);
  const success = page.locator("[data-success]");
  const link = success.locator("a").first();
  await success.hover();
  await page.clock.runFor(6_000);
  await expect(success).toBeVisible();
  await link.focus();
  await page.mouse.move(0, 0);
  await page.clock.runFor(6_000);
  await expect(success).toBeVisible();
  await link.blur();
  await page.clock.runFor(3_000);
  await expect(page).toHaveURL(/integrations#vapi$/);
  await expect(panel(page)).toHaveCount(0);
});

test("success closes by itself @wasm", async ({ page, scripts }) => {
  await disconnect(page, "Vapi");
  await connectVapi(page, scripts, vapi.harbor);
  await page.mouse.move(0, 0);
  await expect(page).toHaveURL(/integrations#vapi$/);
  await expect(panel(page)).toHaveCount(0);
});

test("Esc closes the panel and brings the focus back @wasm", async ({ page }) => {
  await open(page, integrations, true);
  await card(page, "Twilio").getByRole("link", { name: /^(Configure|Reconnect) Twilio$/ }).click();
  await awake(page);
  await expect(panel(page)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/integrations#twilio$/);
  await expect(panel(page)).toHaveCount(0);
  await expect(page.locator("#twilio")).toBeFocused();
});
