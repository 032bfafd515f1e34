// Uses the documentation page as a person would: lets itself in, tries a request, comes back later.
import { chromium } from "playwright-core";

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [...quiet, "--disable-background-networking", "--disable-component-update"],
});
const context = await browser.newContext({ colorScheme: "dark" });
const page = await context.newPage();
const wrong = [];
page.on("pageerror", (error) => wrong.push(error.message));
const body = () => page.locator("textarea.body-param__text").first().inputValue();

await page.goto(process.env.SLUICE_URL + "/docs");
await page.waitForSelector(".opblock");
const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
await page.click(".btn.authorize");
await page.fill(".auth-container input", process.env.SLUICE_KEY);
const models = page.waitForResponse((answer) => answer.url().endsWith("/v1/models"));
await page.locator(".auth-btn-wrapper .authorize").first().click();
await models;
await page.locator(".btn-done").first().click();
await page.locator('.opblock:has-text("/v1/chat/completions") .opblock-summary-control').first().click();
const first = await body();
const called = page.waitForResponse((answer) => answer.url().endsWith("/v1/chat/completions"));
await page.locator(".execute").first().click();
const status = (await called).status();
await page.reload();
await page.waitForSelector("textarea.body-param__text");
console.log(JSON.stringify({ wrong, background, first: JSON.parse(first), status, again: JSON.parse(await body()) }));
await browser.close();
