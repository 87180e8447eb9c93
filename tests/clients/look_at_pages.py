"""The pages as their users open them, in a real browser.

Clicks the main stories through, takes a picture of each page, and asks axe whether everybody can use it (WCAG 2.2 AA).
Ends with 1 and says what was wrong. Needs playwright and axe-playwright-python; the browser is the system's Chromium.

look_at_pages.py URL FIRST_CODE_FILE PICTURES
"""

import pathlib
import re
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

URL, CODE_FILE, PICTURES = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
PASSWORD = "three plain words here"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
CODE = re.compile(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}")

wrong = []


def note(words):
    wrong.append(words)
    print("wrong:", words)


def expect(is_so, words):
    if not is_so:
        note(words)


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, browser, name, viewport=DESK, scheme="light", scripts=True):
        self.name = name
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=scripts)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda m: note(f"{name}: console: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda e: note(f"{name}: script: {e}"))
        self.page.on("request", self.asked)

    def asked(self, request):
        expect(request.url.startswith(URL), f"{self.name}: asked another origin: {request.url}")

    def go(self, path):
        return self.page.goto(URL + path, wait_until="load")

    def text(self):
        return self.page.inner_text("body")

    def sees(self, *words):
        text = self.text()
        for word in words:
            expect(word in text, f"{self.name} at {self.page.url} does not see {word!r}")

    def sees_not(self, *words):
        text = self.text()
        for word in words:
            expect(word not in text, f"{self.name} at {self.page.url} sees {word!r}")

    def looks(self, picture):
        """A picture, the checker's word, and nothing that runs off a narrow page."""
        self.page.screenshot(path=PICTURES / f"{picture}.png", full_page=True)
        for violation in Axe().run(self.page, options=RULES).response["violations"]:
            where = [" ".join(node["target"]) for node in violation["nodes"]][:3]
            note(f"{picture}: {violation['id']}: {violation['help']} at {where}")
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        expect(overflow <= 0, f"{picture}: the page is {overflow} px wider than its window")

    def fill(self, **fields):
        for name, value in fields.items():
            self.page.fill(f"#{name}", value)

    def click(self, words):
        self.page.get_by_role("button", name=words, exact=False).first.click()
        self.page.wait_for_load_state("load")

    def enters_by(self, code, login=None):
        self.go("/welcome")
        self.fill(code=code)
        self.click("Go on")
        if login:
            self.fill(login=login)
        self.fill(password=PASSWORD, again=PASSWORD)
        self.click("Sign in")
        self.sees("Sign out")

    def invites(self, login, role, scope="*"):
        self.go("/people")
        self.fill(login=login, scope=scope)
        self.page.check(f"input[value='{role}']")
        self.click("Make a one-time code")
        return CODE.search(self.page.inner_text(".notice")).group(0)


def first_steps(browser):
    ann = Person(browser, "ann")
    ann.go("/")
    expect("/login" in ann.page.url, "a stranger is not led to the login")
    ann.looks("login")
    ann.go("/welcome")
    ann.looks("welcome")
    ann.enters_by(CODE_FILE.read_text().strip(), login="ann")
    ann.sees("Does every store speak?")
    ann.sees_not("Net sales")
    codes = {
        "bob": ann.invites("bob", "auditor"),
        "cat": ann.invites("cat", "accountant"),
        "dan": ann.invites("dan", "accountant"),
        "eve": ann.invites("eve", "store-it"),
    }
    ann.looks("people")
    ann.go("/people/bob")
    ann.looks("person")
    ann.go("/account")
    ann.looks("account")
    return ann, codes


def sales_audit(browser, code):
    bob = Person(browser, "bob")
    bob.enters_by(code)
    bob.page.wait_for_selector(".live[data-state='on']")
    bob.sees("Is every sale in?", "Net sales", "live")
    bob.looks("now")
    bob.go("/days")
    bob.looks("store-days")
    day = bob.page.locator("td.day a").last.get_attribute("href")
    bob.go(day)
    bob.sees("Net sales by hour", "Journal of the day", "Witnesses")
    bob.looks("day")
    bob.page.locator("section:has(#ledger-title) td a").first.click()
    bob.sees("Lane", "Received")
    bob.looks("record")
    bob.go("/exceptions")
    bob.looks("exceptions")
    bob.go("/fleet")
    bob.looks("fleet")
    bob.go("/find?q=1")
    bob.looks("find")
    return bob, day


def missing_row(browser, codes):
    cat, dan = Person(browser, "cat"), Person(browser, "dan")
    cat.enters_by(codes["cat"])
    dan.enters_by(codes["dan"])
    cat.go("/exceptions")
    cat.page.locator("tr:has-text('goods are not known') a").first.click()
    cat.sees("Write the missing row")
    cat.looks("exception")
    cat.fill(to="TILLWIRE-NONE")
    cat.click("Show what it would do")
    cat.sees("What this row would do")
    cat.looks("preview")
    cat.fill(reason="it is the same thing by another name")
    cat.click("Ask")
    cat.sees("Approvals", "it needs a second person")
    cat.sees_not("Allow, and do it")
    dan.go("/approvals")
    dan.looks("approvals")
    dan.click("Allow, and do it")
    dan.sees("the mapping is in force")
    cat.go("/approvals")
    cat.sees("allowed by dan")


def store_it(browser, code):
    eve = Person(browser, "eve", viewport=PHONE, scheme="dark")
    eve.enters_by(code)
    eve.page.wait_for_selector(".live[data-state='on']")
    eve.sees_not("Net sales", "Store-days")
    eve.looks("now-of-store-it-on-a-dark-phone")
    eve.go("/fleet")
    eve.looks("fleet-on-a-dark-phone")


def another_night(browser, bob, day):
    """What an auditor sees in the dark, on a phone, and without scripts."""
    cookies = bob.context.cookies()
    for name, viewport, scheme, scripts in (("dark", DESK, "dark", True), ("phone", PHONE, "light", True)):
        person = Person(browser, name, viewport, scheme, scripts)
        person.context.add_cookies(cookies)
        for picture, path in (("now", "/"), ("store-days", "/days"), ("day", day), ("exceptions", "/exceptions")):
            person.go(path)
            person.looks(f"{picture}-{name}")
    plain = Person(browser, "without scripts", scripts=False)
    plain.context.add_cookies(cookies)
    for path in ("/", "/days", day, "/exceptions", "/fleet", "/find?q=1", "/approvals"):
        plain.go(path)
        plain.sees("Sign out")


def the_end(ann, bob):
    ann.go("/audit?check=all")
    ann.sees("hold together", "mapping put in force", "cat, allowed by dan")
    ann.looks("audit")
    bob.go("/")
    bob.click("Sign out")
    bob.go("/days")
    expect("/login" in bob.page.url, "who signed out still sees pages")


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ann, codes = first_steps(browser)
        bob, day = sales_audit(browser, codes["bob"])
        missing_row(browser, codes)
        store_it(browser, codes["eve"])
        another_night(browser, bob, day)
        the_end(ann, bob)
        browser.close()
    print(f"{len(list(PICTURES.glob('*.png')))} pictures in {PICTURES}, {len(wrong)} things wrong")
    sys.exit(1 if wrong else 0)


main()
