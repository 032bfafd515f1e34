// Opens the page in a headless Chromium, has it talk, and prints what it saw.
import { createServer } from "node:http";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";

const here = new URL(".", import.meta.url).pathname;
const script = buildSync({ entryPoints: [here + "page.mjs"], bundle: true, format: "iife", write: false }).outputFiles[0];
const site = createServer((request, answer) => {
  const isScript = request.url === "/page.js";
  answer.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  answer.end(isScript ? script.text : '<!doctype html><script src="/page.js"></script>');
});
await new Promise((listening) => site.listen(0, "127.0.0.1", listening));

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [...quiet, "--disable-background-networking", "--disable-component-update"],
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${site.address().port}/`);
const saw = await page.evaluate(([url, key]) => window.talk(url, key), [process.env.SLUICE_URL, process.env.SLUICE_KEY]);
console.log(JSON.stringify(saw));
await browser.close();
site.close();
