// Talking to an agent from the browser, with a microphone that the browser makes up: it beeps.
import config from "../playwright.config.mjs";
import { connectVapi, disconnect, expect, open, signIn, test, vapi } from "../support.mjs";

const usual = config.use.launchOptions;
const microphone = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];
test.use({ launchOptions: { ...usual, args: [...usual.args, ...microphone] } });

const agents = "/dashboard/agents";
/** The part of the inbound agent in which one talks to it. */
const part = (page) => page.getByRole("region", { name: "Inbound" }).getByRole("region", { name: "Talk to the agent" });
const button = (page, name) => part(page).getByRole("button", { name, exact: true });
const level = async (page, who) =>
  Number(await part(page).getByRole("meter", { name: `How loud: ${who}` }).getAttribute("aria-valuenow"));

/** Pauses or resumes the card of Vapi. */
async function vapiIs(page, word) {
  const origin = new URL(page.url()).origin;
  const answer = await page.request.post(`/api/integrations/vapi/${word}`, { headers: { origin } });
  expect(answer.status()).toBe(204);
}

test.beforeEach(async ({ page, scripts }) => {
  await signIn(page, "owner@harbor.example");
  await page.goto(agents);
  if (!(await page.getByText("In step with Vapi").first().isVisible())) {
    await disconnect(page, "Vapi");
    await connectVapi(page, scripts, vapi.harbor);
  }
});

test("somebody talks to the agent, is heard, hears it and hangs up; the call is listed @wasm", async ({ page }) => {
  await open(page, agents, true);
  await expect(part(page).getByText("needs scripts")).toBeHidden();
  await button(page, "Start talking").click();
  await expect(part(page)).toContainText("You are talking to the agent.");
  await expect.poll(() => level(page, "You"), { message: "the microphone is heard" }).toBeGreaterThan(20);
  await expect.poll(() => level(page, "Agent"), { message: "the agent is heard" }).toBeGreaterThan(20);
  // What is said comes as words too; the agent answers after it has heard enough.
  await expect(part(page)).toContainText("Agent: Gladly. Which day suits you?");
  await expect(part(page).locator(".talk-time")).toHaveText(/^0:(0[1-9]|[1-5]\d)$/);
  await expect(button(page, "Hang up")).toBeFocused();

  await button(page, "Mute").click();
  await expect(part(page)).toContainText("The agent does not hear you.");
  await expect(button(page, "Mute")).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => level(page, "You"), { message: "nothing is heard while muted" }).toBe(0);
  await button(page, "Mute").click();
  await expect.poll(() => level(page, "You")).toBeGreaterThan(20);

  await button(page, "Hang up").click();
  await expect(part(page)).toContainText(/You hung up after 0:\d\d\./);
  await expect(button(page, "Start talking")).toBeFocused();
  await part(page).getByRole("link", { name: "See it under Calls" }).click();
  await expect(page).toHaveURL(/\/dashboard\/calls$/);
  const row = page.getByRole("row").filter({ hasText: "Talk in the browser" }).first();
  await expect(row).toBeVisible();
  await expect(async () => {
    await page.reload();
    await expect(row).toContainText("The caller hung up.", { timeout: 500 });
  }).toPass();
  await expect(row).toContainText("not scored");
});

test("it does not need WASM @wasm", async ({ page }) => {
  await page.route("**/*.wasm", (route) => route.abort());
  // The islands say that they cannot wake, which is what this is about.
  for (const kind of ["console", "pageerror"]) page.removeAllListeners(kind);
  await page.goto(agents);
  await button(page, "Start talking").click();
  await expect(part(page)).toContainText("You are talking to the agent.");
  await expect.poll(() => level(page, "Agent")).toBeGreaterThan(20);
  await button(page, "Hang up").click();
  await expect(part(page)).toContainText(/You hung up after/);
});

for (const [name, words] of [
  ["NotAllowedError", "The microphone is not allowed here."],
  ["NotFoundError", "No microphone was found."],
  ["NotReadableError", "The microphone could not be opened."],
]) {
  test(`a microphone that is not there is told in words: ${name} @wasm`, async ({ page }) => {
    await page.addInitScript((name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", name));
    }, name);
    await open(page, agents, true);
    await button(page, "Start talking").click();
    await expect(part(page)).toContainText(words);
    await expect(button(page, "Start talking")).toBeVisible();
    await expect(part(page).getByRole("link", { name: "See it under Calls" })).toBeHidden();
  });
}

test("why there is no call, and who ended it, is told in words @wasm", async ({ page }) => {
  // The browser reports each answer that is an error.
  page.removeAllListeners("console");
  await open(page, agents, true);
  // Paused in another tab meanwhile.
  await vapiIs(page, "pause");
  await button(page, "Start talking").click();
  await expect(part(page)).toContainText("Vapi is paused for this clinic.");
  await expect(part(page).getByRole("link", { name: "Open the card of Vapi" })).toBeVisible();
  await vapiIs(page, "resume");

  await page.route("**/api/agents/*/talk", (route) => route.abort());
  await button(page, "Start talking").click();
  await expect(part(page)).toContainText("This service was not reached.");
  await page.unroute("**/api/agents/*/talk");

  await page.routeWebSocket(/\/transport$/, (socket) => {
    socket.send(JSON.stringify({ type: "transcript", role: "assistant", transcript: "Goodbye." }));
    setTimeout(() => socket.close({ code: 1000 }), 300);
  });
  await button(page, "Start talking").click();
  await expect(part(page)).toContainText("The agent has ended the call after 0:00.");
  await expect(part(page)).toContainText("Agent: Goodbye.");
});

test("without scripts a sentence says so and offers the telephone @plain", async ({ page }) => {
  await page.goto(agents);
  await expect(part(page)).toContainText("Talking from the browser needs scripts, and none run here");
  await expect(button(page, "Start talking")).toBeHidden();
  await part(page).getByRole("link", { name: "let the outbound agent call your phone" }).click();
  await expect(page).toHaveURL(/\/dashboard\/phone$/);
});
