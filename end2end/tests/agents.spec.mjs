// The two agents: changed, deleted at Vapi, and made again.
import { connectVapi, disconnect, expect, open, signIn, test, uuid, vapi } from "../support.mjs";

test("an agent is changed, deleted at Vapi and made again", async ({ page, scripts }) => {
  await signIn(page, "owner@harbor.example");
  await disconnect(page, "Vapi");
  await connectVapi(page, scripts, vapi.harbor);
  await open(page, "/dashboard/agents", scripts);
  const inbound = page.getByRole("region", { name: "Inbound" });
  await expect(inbound).toContainText("In step with Vapi");
  const before = (await inbound.textContent()).match(uuid)[0];

  const words = `Harbor Clinic, good day. (${Date.now()})`;
  await inbound.getByLabel("First message", { exact: true }).fill(words);
  await inbound.getByRole("button", { name: "Save inbound agent" }).click();
  await expect(page.getByText("The inbound agent is saved and in step with Vapi", { exact: true })).toBeVisible();
  await expect(inbound.getByLabel("First message", { exact: true })).toHaveValue(words);
  await expect(inbound).toContainText(before);

  await inbound.getByRole("button", { name: "Delete at Vapi" }).click();
  await expect(page.getByText("The inbound assistant is deleted at Vapi", { exact: true })).toBeVisible();
  await expect(inbound).toContainText("Save to make it again");
  await expect(inbound).not.toContainText(before);

  if (scripts) await expect(page.locator(".form-help:not([data-hydrated])")).toHaveCount(0);
  await inbound.getByRole("button", { name: "Save inbound agent" }).click();
  await expect(inbound).toContainText("In step with Vapi");
  await expect(inbound).toContainText(uuid);
  await expect(inbound).not.toContainText(before);
});
