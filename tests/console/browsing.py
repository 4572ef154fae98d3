"""An administrator in a real browser."""

from __future__ import annotations

from playwright.async_api import Browser, Page

from tests.console.site import PASSWORD, Site


async def signed_in(browser: Browser, site: Site, locale: str = "en-GB", width: int = 1280) -> Page:
    """The first page after signing in; what the browser complains of is kept in ``page.console_errors``."""
    context = await browser.new_context(locale=locale, viewport={"width": width, "height": 900})
    page = await context.new_page()
    page.console_errors = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.console_errors.append(message.text) if message.type in ("error", "warning") else None)  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.console_errors.append(str(error)))  # type: ignore[attr-defined]
    await page.goto(site.url + "/")
    await page.fill("input[name=name]", "admin")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button.primary")
    await page.wait_for_url("**/live")
    return page
