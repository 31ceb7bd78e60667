"""Tickets in the style of those that real projects get, and what triage has to make of them.

Each was written for these tests. The near misses look like what is declined and are not: criteria,
steps to reproduce, parts of one change, logs, tables, words of a domain that are only mentioned.
"""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """A ticket."""

    title: str
    body: str = ""


#: Several tickets in one, with words that the split has to hold.
SEVERAL: dict[str, tuple[Sample, tuple[str, ...]]] = {
    "misc fixes": (
        Sample(
            "Misc fixes",
            "Hi, a few things I noticed while using the shop:\n\n"
            "1. Add a CSV export to the order list\n"
            "2. Fix the redirect after login, it always goes to /\n"
            "3. Upgrade Pillow to 11\n",
        ),
        ("Add a CSV export to the order list", "Fix the redirect after login", "Upgrade Pillow"),
    ),
    "bugs and suggestions": (
        Sample(
            "Bugs and suggestions",
            "Great project! Some remarks after a week with it.\n\n"
            "- The invoice PDF has no page numbers when it is longer than two pages\n"
            "- Password reset mails go out with the wrong sender address\n"
            "- It would be nice to have dark mode in the dashboard settings\n"
            "- Search ignores accents in customer names\n\nThanks!\n",
        ),
        ("invoice PDF", "Password reset mails", "Search ignores accents"),
    ),
    "headings": (
        Sample(
            "Various improvements for 2.1",
            "## Add pagination to the audit log\n\nThe page takes ages with 10k rows.\n\n"
            "## Allow coupons to expire\n\nMarketing wants an end date.\n\n"
            "## Fix the timezone of reminder mails\n\nThey come an hour late in summer.\n",
        ),
        ("Add pagination to the audit log", "Allow coupons to expire", "Fix the timezone"),
    ),
    "numbered bugs": (
        Sample(
            "Problems after the update",
            "### Bug 1: cart total ignores vouchers\n\nPut a voucher in, the sum stays.\n\n"
            "### Bug 2: avatar upload fails with PNG\n\n```\nOSError: cannot identify image\n```\n",
        ),
        ("Cart total ignores vouchers", "Avatar upload fails with PNG"),
    ),
    "numbered issues without a title of their own": (
        Sample(
            "Two issues",
            "**Issue 1**\n\nThe newsletter form accepts an empty address.\n\n"
            "**Issue 2**\n\nExported spreadsheets have dates as numbers.\n",
        ),
        ("newsletter form", "Exported spreadsheets"),
    ),
    "tracking": (
        Sample(
            "Tracking issue for the 3.0 release",
            "- [ ] #412\n- [ ] #415\n- [x] #398\n- [ ] acme/widgets#12\n",
        ),
        ("#412", "acme/widgets#12"),
    ),
    "wishlist": (
        Sample(
            "Wishlist",
            "* Add webhooks for finished jobs\n* Support YAML as configuration\n"
            "* Show the queue length in the dashboard\n* Add a Portuguese translation\n",
        ),
        ("Add webhooks for finished jobs", "Support YAML as configuration"),
    ),
    "also, another kind": (
        Sample(
            "Add a discount field to Order",
            "A DecimalField, two places, default 0.\n\n"
            "Also fix the broken redirect after logout.\n",
        ),
        ("Add a discount field to Order", "fix the broken redirect after logout"),
    ),
    "also, docs and a feature": (
        Sample(
            "Fix the typos in the installation guide",
            "“enviroment” occurs three times. Also, please add a dry-run switch to the importer.\n",
        ),
        ("typos in the installation guide", "dry-run switch"),
    ),
    "while at it": (
        Sample(
            "`slugify` drops umlauts",
            "`slugify('Käse')` gives `kse`, expected `kaese`.\n\n"
            "While you're at it, remove the deprecated thumbnail settings.\n",
        ),
        ("slugify", "remove the deprecated thumbnail settings"),
    ),
    "unrelated": (
        Sample(
            "Order list shows cancelled orders",
            "They should be hidden unless the filter says otherwise.\n\n"
            "Unrelated: add gzip compression for static assets.\n",
        ),
        ("Order list shows cancelled orders", "gzip compression"),
    ),
    "a title of two": (
        Sample("Fix the login redirect and add CSV export for invoices"),
        ("Fix the login redirect", "Add CSV export for invoices"),
    ),
    "a title with and also": (
        Sample("Add a birthday column to members and also fix the currency in receipts"),
        ("Add a birthday column to members", "fix the currency in receipts"),
    ),
    "also upgrade": (
        Sample(
            "Show the shipping weight on the product page",
            "In kilograms, below the price.\n\nAdditionally, upgrade Celery to 5.4.\n",
        ),
        ("shipping weight", "upgrade Celery"),
    ),
    "improve the shop": (
        Sample(
            "Improve the website",
            "- Add breadcrumbs to category listings\n- Fix the overlapping footer on phones\n"
            "- Upgrade Bootstrap to 5.3\n",
        ),
        ("breadcrumbs", "overlapping footer", "Upgrade Bootstrap"),
    ),
    "feature requests": (
        Sample(
            "[Feature]: feature requests",
            "1) Allow guests to check out\n2) Send a receipt as PDF\n3) Support Klarna\n"
            "4) Add stock alerts for managers\n",
        ),
        ("Allow guests to check out", "Send a receipt as PDF"),
    ),
}

#: Architecture, with what the decline calls it.
TOO_LARGE: dict[str, tuple[Sample, str]] = {
    "flask to fastapi": (Sample("Migrate from Flask to FastAPI"), "framework"),
    "instead of": (
        Sample(
            "Rewrite API to use FastAPI instead of Flask",
            "Flask was what we knew then. Now a decision has been made for FastAPI.",
        ),
        "framework",
    ),
    "conventional": (Sample("refactor: flask framework to fastapi"), "framework"),
    "django to": (Sample("Port the backend from Django to Go"), "framework"),
    "postgres": (Sample("Migrate the database from MySQL to PostgreSQL"), "database"),
    "orm": (Sample("Switch from SQLAlchemy to Django ORM"), "database"),
    "whole": (Sample("Rewrite the whole application"), "rewrite"),
    "scratch": (Sample("Rewrite the admin from scratch"), "rewrite"),
    "refactor all": (Sample("Refactor the entire codebase", "It is a mess."), "rewrite"),
    "rust": (Sample("Rewrite everything"), "rewrite"),
    "microservices": (Sample("Split the shop into microservices"), "services"),
    "monolith": (Sample("Break up the monolith"), "services"),
    "schema": (Sample("Redesign the database schema"), "redesign"),
    "tenants": (Sample("Add multi-tenancy support"), "architecture"),
    "event sourcing": (Sample("Introduce event sourcing"), "architecture"),
    "plugins": (Sample("Implement a plugin system"), "architecture"),
    "shop": (Sample("Build a complete e-commerce platform", "With cart and payments."), "applic"),
    "async": (Sample("Make the whole project async"), "whole code"),
    "in the text": (
        Sample("Performance", "The API is slow. We should rewrite the entire backend in Rust."),
        "rewrite",
    ),
}

#: For people, with the domain.
PEOPLE: dict[str, tuple[Sample, str]] = {
    "own encryption": (
        Sample("Implement our own encryption for uploaded files"),
        "cryptography",
    ),
    "password hashing": (Sample("Switch password hashing from PBKDF2 to argon2"), "cryptography"),
    "key rotation": (
        Sample("Operations", "Add key rotation for the tokens that we hand out."),
        "cryptography",
    ),
    "signatures": (
        Sample(
            "Webhooks can be forged", "Verify the signature of every webhook before it is read."
        ),
        "cryptography",
    ),
    "a file": (Sample("Wrong padding of short blocks in vault/crypto.py"), "cryptography"),
    "encrypt": (
        Sample("Tokens are stored as plain text", "Encrypt the tokens before they are saved."),
        "cryptography",
    ),
    "patients": (Sample("Export patient records as CSV"), "health data"),
    "hipaa": (Sample("Make the audit log HIPAA compliant"), "health data"),
    "cards": (
        Sample("Store card numbers so that customers need not type them again"),
        "payment card data",
    ),
    "cvv": (Sample("Checkout", "Please log the CVV when a payment is refused."), "payment card"),
    "erasure": (
        Sample("GDPR: delete everything about a customer on request"),
        "personal data",
    ),
    "anonymise": (
        Sample("Retention", "We must anonymize all user data after two years."),
        "personal data",
    ),
    "ssn": (Sample("Add the social security number to the employee form"), "personal data"),
    "dose": (Sample("Dose calculation rounds down for children"), "safety"),
    "stop": (Sample("Add a delay before the emergency stop is released"), "safety"),
    "hot path": (Sample("Avoid the deepcopy in the hot path of the matcher"), "hot path"),
}

#: One ticket each, and none of them for people alone.
ONE: dict[str, Sample] = {
    "acceptance criteria": Sample(
        "Export tasks as CSV",
        "### Description\nUsers should be able to export their task list.\n\n"
        "### Acceptance criteria\n- [ ] Users can export title, status and assignee\n"
        "- [ ] The API generates a file on request\n- [ ] The page has an export button\n"
        "- [ ] Add an endpoint `GET /tasks/export/csv`\n",
    ),
    "steps to reproduce": Sample(
        "Crash when the cart is empty",
        "**Steps to reproduce**\n1. Open the shop\n2. Remove every item\n3. Click checkout\n\n"
        "**Expected behavior**\nA message.\n\n**Actual behavior**\n500.\n\n"
        "**Environment**\n- OS: Debian 12\n- Python: 3.11\n- Django: 5.1\n",
    ),
    "bug report form": Sample(
        "[Bug]: export has a wrong header",
        "### Describe the bug\nThe first line says `ordr`.\n\n### To Reproduce\n"
        "1. Go to '/orders'\n2. Click on 'Export'\n\n### Screenshots\n_No response_\n",
    ),
    "tasks of one change": Sample(
        "Add a loyalty level to customers",
        "- [ ] Add the model field\n- [ ] Write a migration that fills old rows\n"
        "- [ ] Show it in the admin list\n- [ ] Return it by the API\n- [ ] Add tests\n"
        "- [ ] Update the docs\n",
    ),
    "command": Sample(
        "Implement `new model` command",
        "Command `drf new model` should:\n- [x] Ask for the name\n- [ ] Create model and test file\n"
        "- [ ] Create serializer for model\n- [ ] Create the viewset\n- [ ] Create the route\n"
        "- [ ] Make and run migrations\n",
    ),
    "pages": Sample(
        "Add data export for all admin views",
        "### Done criteria\n\nData can be exported on the following pages:\n\n"
        "- [ ] http://x.example/admin/calls\n- [ ] http://x.example/admin/applications\n",
    ),
    "headings of one feature": Sample(
        "Support expiring coupons",
        "## Add the field\n`expires_at`, nullable.\n\n## Update the serializer\nRead-only.\n\n"
        "## Reject expired ones\nWith 400 and a message.\n",
    ),
    "a proposal": Sample(
        "Proposal: retry failed webhooks",
        "## Motivation\nThey get lost.\n\n## Design\n1. Store every attempt\n"
        "2. Send again after a minute\n3. Give up after five\n\n## Alternatives\n- Use Celery\n"
        "- Use a cron job\n",
    ),
    "several bugs of one function": Sample(
        "Several bugs in `parse_date`",
        "- fails on `None`\n- ignores the timezone of the second argument\n"
        "- returns the wrong month for February 29\n",
    ),
    "several bugs of one subject": Sample(
        "Multiple issues with the date parser",
        "- Two-digit years end up in 1900\n- Names of months are English only\n"
        "- Whitespace at the end raises ValueError\n",
    ),
    "improvements of one subject": Sample(
        "Improvements to the CSV export",
        "- Add a header row\n- Stream the response\n- Quote values with commas\n",
    ),
    "also a test": Sample(
        "Total is wrong for a single order", "It should be 3. Also add a regression test.\n"
    ),
    "also the docs": Sample("Add `--quiet` to the importer", "Also update the docs and changelog."),
    "also the same": Sample(
        "Round prices to two places",
        "In the cart. Also fix this in the invoice, where the same function is used.\n",
    ),
    "also of the same subject": Sample(
        "Add a discount field to Order",
        "Default 0. Also fix the total, which has to take the discount off.\n",
    ),
    "also in the same sentence": Sample(
        "Show a gallery of pictures",
        "Scale the thumbnails down, and also fix blurry thumbnails on phones.\n",
    ),
    "also an index": Sample(
        "The order list times out", "With 100k rows. Also add an index on the created column.\n"
    ),
    "also happens": Sample(
        "Login fails with an expired token", "Also happens in Firefox. Also seen with 2.3.\n"
    ),
    "also needed": Sample(
        "Use a generated column for the full name",
        "Additionally, upgrade Django to 5.0, which is needed for that.\n",
    ),
    "also, a command": Sample(
        "Add a `slug` to Product", "Unique. Also add a management command that fills old rows.\n"
    ),
    "while at it, here": Sample(
        "`total` counts refunds twice", "While you're at it, simplify this function a little.\n"
    ),
    "p.s.": Sample("The CSV has no header", "P.S. Great project, thank you!\n"),
    "add and show": Sample("Add a stock level to Product and show it in the admin list"),
    "fix and test": Sample("Fix the rounding of prices and add a regression test"),
    "drop and add": Sample("Drop Python 3.8 and add 3.13"),
    "validate and return": Sample("Validate quantities and return 400 for negative ones"),
    "fix and say so": Sample("Fix the crash on an empty cart and add a helpful message"),
    "a test and its fix": Sample("Add test for naming module and fix logic to cover"),
    "support and references": Sample("Fix PyPy3 support and add bug references"),
    "one subject in many steps": Sample(
        "Remove 3.10 deprecations",
        "- Remove the permissions filter\n- Remove list routes\n- Bump warning versions\n",
    ),
    "support of a version": Sample(
        "Add Django 6.0 support",
        "* Fix pagination of nested lists\n* Add the new imports\n* Upgrade tox\n"
        "* Correct reversed addresses\n",
    ),
    "upgrade and fix": Sample("Upgrade Django to 5.2 and fix the deprecation warnings"),
    "table": Sample(
        "Prices are rounded wrongly",
        "| input | now | expected |\n|---|---|---|\n| 1.005 | 1.00 | 1.01 |\n"
        "| Add 2 | Fix 3 | Remove 4 |\n",
    ),
    "log": Sample(
        "Worker dies at midnight",
        "```\n1. Add job cleanup\n2. Fix lock for report\n3. Upgrade schema to 12\n"
        "Traceback (most recent call last):\nKeyError: 'rewrite the whole application'\n```\n",
    ),
    "quoted mail": Sample(
        "Misc",
        "> - Add dark mode\n> - Fix login redirect\n> - Upgrade Pillow to 11\n\nJust mail.\n",
    ),
    "things tried": Sample(
        "Import hangs",
        "I tried:\n- Upgrade Pillow to 11\n- Remove the cache folder\n- Add more workers\n\n"
        "Nothing helps.\n",
    ),
    "release blockers": Sample(
        "Rename `owner` to `author` everywhere",
        "Places I know of:\n* shop/models.py\n* shop/views.py\n* templates/base.html\n* docs\n",
    ),
    "options": Sample(
        "Timeouts are not configurable",
        "Options:\n1. Add a setting\n2. Support an environment variable\n"
        "3. Allow an argument for the client\n\nI prefer the first.\n",
    ),
    "bug with two symptoms": Sample(
        "Session is lost after a redirect",
        "Problem 1 is that the cookie has no path. It shows up in Safari as well as in Chrome.\n",
    ),
    "rewrite a function": Sample("Rewrite `parse_date` without regular expressions"),
    "rewrite the readme": Sample("Rewrite the README", "The whole text is out of date."),
    "rewrite a query": Sample("Rewrite the query in shop/views.py to use select_related"),
    "rewrite middleware": Sample("URL rewrite middleware drops the query string"),
    "requests to httpx": Sample("Migrate from requests to httpx", "Only `shop/client.py` uses it."),
    "setup.py": Sample("Migrate from setup.py to pyproject.toml"),
    "unittest": Sample("Convert tests/test_cart.py from unittest to pytest"),
    "one endpoint": Sample("Move the `/health` endpoint from Flask to FastAPI"),
    "guide": Sample("Docs: add a guide on how to migrate from Flask to FastAPI"),
    "sqlite in tests": Sample("Switch the tests from SQLite to PostgreSQL"),
    "migration fails": Sample("Flask-Migrate fails to move from MySQL to PostgreSQL"),
    "microservice client": Sample("The client of the billing microservice ignores timeouts"),
    "some day": Sample(
        "POST /orders returns 500",
        "We want to migrate from Flask to FastAPI eventually, but this has to work until then.\n",
    ),
    "schema test": Sample("OpenAPI schema lacks the 404 of `/items/{id}`"),
    "extract": Sample("Extract the mail code from `checkout`, which has 90 lines"),
    "plugin": Sample("The pytest plugin prints its header twice"),
    "full app path": Sample("Show the full application name in the footer"),
    "typo in crypto docs": Sample("Fix a typo in docs/crypto.md", "“encyption” in the heading."),
    "rename card": Sample("Rename the field `card` on Payment to `method`"),
    "card component": Sample("Card component renders twice on the start page"),
    "card number field": Sample("Add a CharField `card_label` to Customer, max_length=20"),
    "password form": Sample("Password field of the login form has no label"),
    "hash of a cache": Sample("Use a shorter hash in names of cached files"),
    "bump cryptography": Sample("Bump cryptography from 42.0 to 43.0"),
    "encryption page": Sample("The encryption settings page has a wrong title"),
    "health check": Sample("Add a health check endpoint", "`/health` returns 200 and the version."),
    "patient": Sample("Be more patient with slow servers: raise the timeout to 30 s"),
    "cookie banner": Sample("GDPR banner covers the menu on phones"),
    "circuit breaker": Sample("Circuit breaker never closes again after an outage"),
    "emergency contact": Sample("Add an emergency contact to Member"),
    "not the hashing": Sample(
        "Users cannot log in with upper-case mail addresses",
        "Compare them in lower case. Do not change the password hashing.\n",
    ),
    "type hints for crypto": Sample("Add type hints to vault/crypto.py"),
    "slow": Sample("The page is slow", "Make it faster.\n"),
    "signing up": Sample("Signing up with a long name fails"),
    "key": Sample("KeyError: 'total' in `summary`", "The key is missing when there is no order."),
    "export customers": Sample("Export customers as CSV", "Name and city, nothing else.\n"),
}

#: Forms that nobody has filled in, with what is asked.
EMPTY: dict[str, tuple[Sample, tuple[str, ...]]] = {
    "request": (
        Sample(
            "Request",
            "**What's the problem this feature will solve?**\n\n"
            "**Describe the solution you'd like**\n\n**Additional context**\n",
        ),
        (
            "“What's the problem this feature will solve?” is not answered.",
            "“Describe the solution you'd like” is not answered.",
            "“Additional context” is not answered.",
        ),
    ),
    "bug report": (
        Sample("Bug report", "Environment:\n\n- Python version:\n- Flask version:\n"),
        ("What is to be done, and where? The ticket says no more than its title.",),
    ),
    "form with its own words": (
        Sample(
            "[Bug]: ",
            "### Describe the bug\nA clear and concise description of what the bug is.\n\n"
            "### To Reproduce\n1. Go to '...'\n2. Click on '....'\n",
        ),
        ("“Describe the bug” is not answered.", "“To Reproduce” is not answered."),
    ),
    "nothing": (
        Sample("Help"),
        ("What is to be done, and where? The ticket says no more than its title.",),
    ),
}
