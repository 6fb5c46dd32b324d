// The main job in one thin line. This test stays for ever; everything else widens it.
import { card, connectTwilio, connectVapi, disconnect, expect, integrations, open, sandboxPage, signIn, test, twilio, uuid, vapi } from "../support.mjs";

test("a clinic connects its own accounts and a call is answered with them", async ({ page, browser, scripts }) => {
  await signIn(page, "owner@sunrise.example");
  for (const name of ["Vapi", "Twilio"]) await disconnect(page, name);

  await connectVapi(page, scripts, vapi.sunrise);
  const made = page.locator("[data-success]").getByRole("definition");
  await expect(made).toHaveText([uuid, uuid]);
  const inbound = await made.first().textContent();
  await connectTwilio(page, scripts, twilio.sunrise);
  await page.goto(integrations);
  for (const name of ["Vapi", "Twilio"]) {
    await expect(card(page, name).locator("[data-state]")).toHaveText("Connected");
  }

  // The text differs in every run, so that no older message can stand in for it.
  const text = `Your cleaning is on Monday at 9:00. (${Date.now()})`;
  await page.goto(sandboxPage());
  await page.getByLabel("Assistant").selectOption(inbound);
  await page.getByLabel("What happens").selectOption("tool");
  await page.getByLabel("Arguments").fill(JSON.stringify({ to: "+15550100199", message: text }));
  await page.getByRole("button", { name: "Place call" }).click();
  const steps = page.getByRole("row").filter({ has: page.getByRole("cell") });
  await expect(steps).toHaveCount(4);
  for (const step of await steps.all()) await expect(step.getByRole("cell").nth(1)).toHaveText("200");
  const call = (await page.getByRole("heading", { level: 2 }).textContent()).match(uuid)[0];

  await page.getByRole("link", { name: "Back to the sandbox" }).click();
  const message = page.getByRole("list", { name: "Messages" }).getByRole("listitem").filter({ hasText: text });
  await expect(message).toHaveCount(1);
  await expect(message).toContainText(twilio.sunrise.number);

  await open(page, "/dashboard/events", scripts);
  const report = page.getByRole("row").filter({ hasText: call }).filter({ hasText: "end-of-call-report" });
  await expect(report).toHaveCount(1);
  await expect(report.getByText(/stages/)).toBeVisible();

  const others = await browser.newContext({ javaScriptEnabled: scripts, baseURL: new URL("/", page.url()).href });
  const other = await others.newPage();
  await signIn(other, "owner@harbor.example");
  for (const path of ["/dashboard", integrations, "/dashboard/events", "/dashboard/settings"]) {
    await other.goto(path);
    const seen = await other.content();
    for (const foreign of [call, inbound, twilio.sunrise.number, twilio.sunrise.sid]) expect(seen).not.toContain(foreign);
  }
  await others.close();
});
