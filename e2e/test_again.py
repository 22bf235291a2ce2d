"""What one does again: send to those who did not get it, and read the same page in another language."""

import re

from playwright.sync_api import expect


def test_those_who_did_not_get_it_are_sent_it_again(context_of, check):
    page = context_of().new_page()
    page.goto(report_with_somebody_left(page))
    page.get_by_role("link", name="Send again to those who did not get it").click()
    question = page.locator("dialog[open]")
    expect(question).to_contain_text("it did not reach?")
    number = re.search(r"to the (\d+) clients?", question.inner_text())[1]
    check(page, "send-again")
    question.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is on its way to those who did not get it.").first).to_be_visible()
    expect(page.locator("#run-facts .count-ok strong")).to_have_text(number)
    expect(page.locator("#run-facts")).to_contain_text("250 OK")
    check(page, "sent-again")
    here = page.url
    page.locator("#run-facts a[href^='/reports/']").click()  # to the run that it follows, and back
    page.wait_for_url(lambda url: url != here)
    assert here.endswith(page.locator("#run-facts a[href^='/reports/']").get_attribute("href"))


def report_with_somebody_left(page):
    """A run that some did not get who may still be mailed."""
    page.goto("/reports/?state=partly")
    for href in [link.get_attribute("href") for link in page.locator("tbody .main-cell a").all()]:
        page.goto(f"{href}again/")
        if re.search(r"to the [1-9]\d* client", page.locator("main").inner_text()):
            return href
    raise AssertionError("the demo has no such run")


def test_another_language_keeps_the_page_and_what_was_typed(context_of):
    page = context_of("olga@example.com").new_page()
    page.goto("/mailings/new/?from=here")
    page.locator("#clients-list").get_by_role("checkbox").nth(1).check()
    page.locator("[name=name]").fill("Kept in any language")
    page.locator("[name=period]").select_option("weekly")
    page.get_by_role("button", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    assert page.url.endswith("/mailings/new/?from=here")
    expect(page.locator("[name=name]")).to_have_value("Kept in any language")
    expect(page.locator("[name=period]")).to_have_value("weekly")
    expect(page.locator("#clients-list").get_by_role("checkbox").nth(1)).to_be_checked()
    expect(page.locator("#plan")).to_contain_text(re.compile(r"Каждую неделю по [а-я]+м в \d\d:\d\d"))
    assert page.evaluate("sessionStorage.getItem('typed')") is None
    page.get_by_role("button", name="English").click()  # the account remembers it
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_visitor_keeps_all_but_the_password(context_of):
    page = context_of(None).new_page()
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill("visitor@example.org")
    page.get_by_label("Password", exact=True).fill("correct-horse-7")
    page.get_by_role("button", name="Русский").click()
    expect(page.get_by_role("heading", name="Регистрация")).to_be_visible()
    expect(page.get_by_label("Эл. почта")).to_have_value("visitor@example.org")
    expect(page.get_by_label("Пароль", exact=True)).to_have_value("")
