// The viewer and the report in headless Chromium.
//   node look.mjs TWIG OUT SCREENSHOTS CHROMIUM
// TWIG is the program, OUT a finished job with redone regions, SCREENSHOTS a folder for pictures to look at.
// Ends with 1 and says why at the first thing that is not as it should be.
import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import { mkdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [twig, out, screenshots, executablePath] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const root = process.env.TWIG_ROOT ?? path.resolve(import.meta.dirname, "../..");
const children = new Set();

/** Starts the viewer and gives its address. */
async function view(...folders) {
  const child = spawn(twig, ["view", ...folders], { stdio: ["ignore", "pipe", "ignore"] });
  children.add(child);
  for await (const chunk of child.stdout) return { child, address: String(chunk).trim() };
  throw new Error("the viewer ended without an address");
}

/** A page that fails on errors, dialogs and requests to anywhere else. */
async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(`error in the page: ${error}`));
  page.on("console", (line) => line.type() === "error" && page.problems.push(`console: ${line.text()}`));
  page.on("response", async (response) => {
    if (response.status() >= 400) page.problems.push(`${response.status()} ${response.url()}: ${(await response.text()).slice(0, 300)}`);
  });
  page.on("dialog", (dialog) => { page.problems.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (!/^(http:\/\/127\.0\.0\.1:|data:|file:)/.test(request.url())) page.problems.push(`a request to ${request.url()}`);
  });
  return page;
}

const shot = (page, name, fullPage = false) => page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage });

/** WCAG A and AA by axe-core: contrast, names, roles, keyboard. */
async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] }));
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any?.[0]?.message ?? ""}`).join("\n    ")}`);
  assert.equal(told.length, 0, `${name} is not accessible:\n  ${told.join("\n  ")}`);
}

async function fits(page, name) {
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= width, `${name} is ${content} pixels wide on a screen of ${width}`);
}

const tiles = (page) => page.locator(".gallery .tile");

async function gallery(browser, address) {
  const page = await open(browser);
  const start = performance.now();
  await page.goto(address, { waitUntil: "domcontentloaded" });
  await tiles(page).first().waitFor();
  console.log(`first page of the gallery: ${(performance.now() - start).toFixed(0)} ms`);
  await page.waitForFunction(() => document.querySelector(".gallery img").naturalWidth > 0);
  assert.ok(await tiles(page).count() >= 12);
  const before = await tiles(page).count();
  await page.mouse.wheel(0, 60_000);
  await page.waitForFunction((count) => document.querySelectorAll(".gallery .tile").length > count, before);
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForLoadState("networkidle");
  await shot(page, "gallery");
  await accessible(page, "the gallery");

  await page.keyboard.press("/");
  await page.keyboard.type("red");
  await page.waitForURL(/q=red/);
  await page.waitForFunction(() => [...document.querySelectorAll(".tile .prompt")].every((prompt) => /red/i.test(prompt.textContent)));
  await page.fill("input[name=q]", "");
  const category = await page.locator("select[name=category] option").nth(1).textContent();
  await page.selectOption("select[name=category]", category);
  await page.waitForURL(/category=/);
  await page.waitForFunction((category) => [...document.querySelectorAll(".tile .text .small")].every((of) => of.textContent === category), category);
  await page.selectOption("select[name=sort]", "worst");
  await page.waitForURL(/sort=worst/);
  const rewards = await page.locator(".tile .over .badge:first-child").allTextContents();
  assert.deepEqual(rewards.map(Number), rewards.map(Number).toSorted((a, b) => a - b));
  await page.fill("input[name=q]", "<script>alert(1)</script>");
  await page.getByText("Nothing fits").waitFor();
  await page.goto(`${page.url()}`);
  assert.equal(await page.inputValue("input[name=q]"), "<script>alert(1)</script>");
  assert.deepEqual(page.problems, []);
  await page.context().close();
}

async function trajectory(browser, address, marksFile) {
  const page = await open(browser);
  await page.goto(`${address}a/?redos=some&sort=redos`);
  await tiles(page).first().click();
  await page.locator(".strip button[aria-selected=true]").waitFor();
  const steps = await page.locator(".panel[data-step]").count();
  const seen = new Set();
  for (let step = 0; step < steps; step += 1) {
    const panel = page.locator(".panel[data-step]:not([hidden])");
    assert.equal(await panel.count(), 1, "one attempt is shown at a time");
    assert.equal(await panel.getAttribute("data-step"), String(step));
    await page.waitForFunction(() => document.querySelector("#canvas").complete && document.querySelector("#canvas").naturalWidth > 0);
    seen.add(await page.getAttribute("#canvas", "src"));
    if (await panel.locator(".compare").count()) {
      // Arrow keys belong to the slider as long as it has the focus.
      await panel.locator(".compare + input").fill("25");
      await panel.locator(".compare + input").blur();
      await page.waitForLoadState("networkidle");
      await shot(page, "trajectory-redo");
    }
    await page.keyboard.press("ArrowRight");
  }
  assert.equal(seen.size, steps, "every step has its picture");
  await page.keyboard.press("Home");
  await page.keyboard.press("t");
  await page.waitForFunction(() => /\/decoded\//.test(document.querySelector("#canvas").src) && document.querySelector("#canvas").naturalWidth > 0);
  await page.keyboard.press("t");
  await page.waitForLoadState("networkidle");
  await shot(page, "trajectory");
  await accessible(page, "the page of a trajectory");

  const id = await page.getAttribute(".mark", "data-id");
  await page.keyboard.press("d");
  await page.locator(".mark button[data-mark=drop][aria-pressed=true]").waitFor();
  await page.keyboard.press("m");
  await page.keyboard.type("the cup is cut off");
  const saved = page.waitForResponse((response) => response.url().endsWith("/mark"));
  await page.keyboard.press("Tab");
  await saved;
  await page.reload();
  assert.equal(await page.getAttribute(".mark button[data-mark=drop]", "aria-pressed"), "true");
  assert.equal(await page.inputValue(".mark input"), "the cup is cut off");
  const marks = (await readFile(marksFile, "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(marks.find((mark) => mark.id === id), { id, mark: "drop", note: "the cup is cut off" });
  await page.keyboard.press("n");
  await page.waitForURL((url) => url.pathname.includes("/t/") && !url.pathname.includes(id));
  await page.keyboard.press("g");
  await page.waitForURL(/redos=some/);
  assert.deepEqual(page.problems, []);
  await page.context().close();
}

async function otherScreens(browser, address) {
  for (const [name, options] of [
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
  ]) {
    const page = await open(browser, options);
    await page.goto(`${address}a/`);
    await page.waitForLoadState("networkidle");
    await fits(page, `the gallery (${name})`);
    await accessible(page, `the gallery (${name})`);
    await shot(page, `gallery-${name}`);
    await page.goto(`${address}a/?redos=some`);
    await tiles(page).first().click();
    await page.waitForLoadState("networkidle");
    await fits(page, `a trajectory (${name})`);
    await accessible(page, `a trajectory (${name})`);
    await shot(page, `trajectory-${name}`);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
  // Without scripts every attempt is on the page.
  const page = await open(browser, { javaScriptEnabled: false });
  await page.goto(`${address}a/`);
  await tiles(page).first().click();
  assert.ok(await page.locator(".panel").last().isVisible());
  await page.context().close();
}

async function sideBySide(browser) {
  const { child, address } = await view(out, out);
  const page = await open(browser);
  await page.goto(`${address}compare`);
  await page.waitForLoadState("networkidle");
  assert.ok(await page.locator(".pair").count() > 5);
  await accessible(page, "two releases");
  await shot(page, "side-by-side");
  assert.deepEqual(page.problems, []);
  await page.context().close();
  child.kill("SIGINT");
}

async function report(browser) {
  const file = path.join(screenshots, "report.html");
  const child = spawn(twig, ["report", out, "-o", file], { stdio: "ignore" });
  assert.equal(await new Promise((done) => child.on("exit", done)), 0);
  const { size } = await import("node:fs/promises").then(({ stat }) => stat(file));
  assert.ok(size < 10e6, `the report has ${size} bytes`);
  for (const [name, options] of [
    ["light", {}],
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 844 }, isMobile: true }],
  ]) {
    const page = await open(browser, { offline: true, javaScriptEnabled: true, ...options });
    await page.goto(pathToFileURL(file).href);
    await fits(page, `the report (${name})`);
    await accessible(page, `the report (${name})`);
    const broken = await page.evaluate(() => Promise.all([...document.images].map((image) => { image.loading = "eager"; return image.decode().then(() => 0, () => 1); })).then((all) => all.reduce((a, b) => a + b, 0)));
    assert.equal(broken, 0, "pictures of the report that do not show");
    await shot(page, `report-${name}`, true);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
}

async function followsARun(browser) {
  const job = path.join(screenshots, "live-job");
  await rm(job, { recursive: true, force: true });
  const run = spawn(twig, ["run", path.join(root, "pipelines/quickstart.yaml"), "--output", job, "--set", "run.partitions=24", "--set", "run.open_partitions=1", "--set", "trajectories.samples_per_prompt=6", "--set", "teachers.studio.concurrency=1"], { stdio: "ignore" });
  children.add(run);
  const ended = new Promise((done) => run.on("exit", done));
  let viewer;
  for (let attempt = 0; !viewer; attempt += 1) {
    assert.ok(attempt < 100, "the job never began");
    await new Promise((done) => setTimeout(done, 100));
    viewer = await view(job).catch(() => undefined);
  }
  const page = await open(browser);
  await page.goto(viewer.address);
  await page.getByText("quickstart is running").waitFor({ timeout: 60_000 });
  await page.waitForFunction(() => Number(document.querySelectorAll("#live [role=progressbar]")[1]?.getAttribute("aria-valuenow")) > 0, undefined, { timeout: 120_000 });
  await page.locator("#live .pictures img").first().waitFor({ timeout: 60_000 });
  await page.locator(".gallery .tile").first().waitFor({ timeout: 60_000 });
  await page.waitForLoadState("networkidle");
  await shot(page, "live");
  await page.getByText("quickstart is done").waitFor({ timeout: 300_000 });
  assert.equal(await ended, 0);
  assert.deepEqual(page.problems, []);
  await page.context().close();
  viewer.child.kill("SIGINT");
}

await mkdir(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--force-color-profile=srgb"] });
try {
  const { child, address } = await view(out);
  for (const [name, test] of Object.entries({
    "gallery: opens, scrolls, searches, filters, sorts": () => gallery(browser, address),
    "trajectory: steps by keyboard, marks, reloads": () => trajectory(browser, address, path.join(out, "marks.jsonl")),
    "dark, on a phone, without scripts": () => otherScreens(browser, address),
    "two releases side by side": () => sideBySide(browser),
    "report: offline, accessible, small": () => report(browser),
    "follows a run": () => followsARun(browser),
  })) {
    await test();
    console.log(`ok  ${name}`);
  }
  child.kill("SIGINT");
} finally {
  await browser.close();
  children.forEach((child) => child.kill("SIGKILL"));
}
