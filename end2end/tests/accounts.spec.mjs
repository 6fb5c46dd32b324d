// Signing in and out, roles, two tabs in two clinics, the profile and the trail.
import { account, expect, fillSignIn, integrations, open, signIn, test } from "../support.mjs";
import { ready } from "../server.mjs";

test("a wrong password is refused without saying what was wrong", async ({ page }) => {
  await fillSignIn(page, "owner@sunrise.example", "not the password");
  await expect(page.getByRole("alert")).toBeVisible();
  const known = await page.getByRole("alert").textContent();
  await expect(page.getByLabel("E-mail address", { exact: true })).toHaveValue("owner@sunrise.example");
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue("");
  await fillSignIn(page, "nobody@sunrise.example", "not the password");
  await expect(page.getByRole("alert")).toHaveText(known);
});

test("whoever is not signed in goes on after signing in, and signs out for good", async ({ page }) => {
  await page.goto("/dashboard/audit");
  await expect(page).toHaveURL(/\/login\?next=%2Fdashboard%2Faudit$/);
  const { email, password } = account("admin@sunrise.example");
  await page.getByLabel("E-mail address", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page).toHaveURL(/\/dashboard\/audit$/);

  await page.locator("summary", { hasText: "Account: Adam Reyes" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login$/);
  await page.goto("/dashboard");
  await expect(page).toHaveURL(/\/login/);
});

test("nobody is sent to another site after signing in", async ({ page }) => {
  const { email, password } = account("admin@harbor.example");
  await fillSignIn(page, email, password, "/login?next=https%3A%2F%2Fevil.example%2F");
  await expect(page).toHaveURL(/\/dashboard$/);
});

test("a member sees states and whom to ask, and no form", async ({ page }) => {
  await signIn(page, "member@sunrise.example");
  const pages = { integrations: "Integrations", agents: "Agents", settings: "Settings" };
  for (const [path, title] of Object.entries(pages)) {
    await page.goto(`/dashboard/${path}`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
    const main = page.getByRole("main");
    await expect(main).toContainText("Olivia Stone");
    // To compare is to look: members may.
    await expect(main.getByRole("button").filter({ hasNotText: "Compare with Vapi" })).toHaveCount(0);
    for (const field of await main.getByRole("textbox").all()) await expect(field).toBeDisabled();
  }
  await page.goto(integrations);
  await expect(page.getByRole("article")).toHaveCount(Object.keys(ready().sandbox.fields).length);
  await expect(page.getByRole("link", { name: /^(Configure|Disconnect)/ })).toHaveCount(0);
});

test("what a member sends is answered with a page that says whom to ask", async ({ page }) => {
  await signIn(page, "member@sunrise.example");
  const org = account("member@sunrise.example").org;
  const response = await page.request.post(`${integrations}/vapi/disconnect`, {
    form: { org },
    headers: { accept: "text/html", origin: new URL(page.url() === "about:blank" ? process.env.VOXANNE_URL : page.url()).origin },
  });
  expect(response.status()).toBe(403);
  expect(await response.text()).toContain("This is not yours to change");
  const shown = await page.goto(`${integrations}?panel=vapi`);
  expect(shown.status()).toBe(403);
  await expect(page.getByRole("main")).toContainText("Olivia Stone");
});

test("a form of one clinic does nothing once another clinic is open", async ({ page, context, scripts }) => {
  const { email, password } = account("group@clinics.example");
  await fillSignIn(page, email, password);
  await switchTo(page, "Sunrise Dental");
  await open(page, "/dashboard/settings", scripts);

  const second = await context.newPage();
  await second.goto("/dashboard");
  await switchTo(second, "Harbor Clinic");

  await page.getByLabel("Name", { exact: true }).fill("Written into the wrong clinic");
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: "Save profile" }).click();
  expect((await answer).status()).toBe(409);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("You are now in Harbor Clinic");
  await second.goto("/dashboard/settings");
  await expect(second.getByLabel("Name", { exact: true })).toHaveValue("Harbor Clinic");
});

async function switchTo(page, clinic) {
  await page.locator("summary", { hasText: "Switch clinic" }).click();
  await page.getByRole("button", { name: clinic }).click();
  await expect(page.getByRole("main")).toContainText(`How ${clinic} is reached right now.`);
}

test("the profile says what is wrong with it and keeps what was typed", async ({ page, scripts }) => {
  await signIn(page, "owner@sunrise.example");
  await open(page, "/dashboard/settings", scripts);
  await page.getByLabel("Time zone", { exact: true }).fill("Mars/Olympus Mons");
  await page.getByRole("button", { name: "Save profile" }).click();
  await expect(page.getByRole("main")).toContainText("Enter a time zone such as Europe/Berlin.");
  await expect(page.getByLabel("Time zone", { exact: true })).toHaveValue("Mars/Olympus Mons");
  await page.getByLabel("Time zone", { exact: true }).fill("America/New_York");
  await page.getByRole("button", { name: "Save profile" }).click();
  await expect(page.getByText("The clinic's profile is saved", { exact: true })).toBeVisible();

  await page.goto("/dashboard/audit");
  const row = page.getByRole("row").filter({ hasText: "clinic.changed" }).first();
  await expect(row).toContainText("owner@sunrise.example");
  await expect(row).toContainText("Success");
});
