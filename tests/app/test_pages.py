"""The pages' files over HTTP: what is served, under which guards, and nothing else."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import brotli
import httpx2
import pytest

import gateway.pages
from gateway.pages.site import Site

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PAGES = Path(gateway.pages.__file__).parent
SCRIPT = b"export const text = 'x';\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pages in small: a dashboard of two files and one that is none, an explorer without npm's part."""
    for name, body in {
        "dashboard/index.html": b"<!doctype html><title>small</title>",
        "dashboard/parts/main.js": SCRIPT,
        "dashboard/notes.md": b"not for browsers",
        "explorer/index.html": b"<!doctype html><title>explorer</title>",
        "secret.js": b"beside the folders",
    }.items():
        path = tmp_path / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "pages"


async def get(front: Any, path: str, site: Site | None, method: str = "GET", **headers: str) -> Any:
    async with front(site=site).client() as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers={"accept": BROWSER, "accept-encoding": "identity"} | named)


async def test_the_dashboard_is_at_the_top_and_its_parts_below_it(front: Any, folder: Path) -> None:
    site = Site(folder)
    top = await get(front, "/", site)
    assert (top.status_code, top.content) == (200, b"<!doctype html><title>small</title>")
    assert top.headers["content-type"] == "text/html; charset=utf-8"
    assert (await get(front, "/?screen=1&lang=id", site)).content == top.content
    script = await get(front, "/dashboard/parts/main.js", site)
    assert (script.status_code, script.content) == (200, SCRIPT)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/dashboard/parts/main.js", "/dashboard/version.json", "/nothing", "/graphql"])
async def test_every_page_is_guarded(front: Any, folder: Path, path: str) -> None:
    headers = (await get(front, path, Site(folder))).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in headers["permissions-policy"]
    if path.startswith("/dashboard/") or path == "/":
        assert policy["require-trusted-types-for"] == "'script'"


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/notes.md",
        "/dashboard/../secret.js",
        "/dashboard/..%2fsecret.js",
        "/dashboard/%2e%2e/secret.js",
        "/dashboard/parts/..%5c..%5csecret.js",
        "/dashboard//etc/passwd",
        "/dashboard/parts",
        "/dashboard/",
        "/dashboard/parts/main.js%00",
        "/explorer/npm/graphiql.min.js",
        "/site.py",
    ],
)
async def test_nothing_else_is_served(front: Any, folder: Path, path: str) -> None:
    missing = await get(front, path, Site(folder))
    assert missing.status_code == 404
    assert "There is no such page" in missing.text
    assert len(missing.content) < 500


async def test_a_program_is_told_as_of_any_error_that_there_is_nothing(front: Any, folder: Path) -> None:
    missing = await get(front, "/nothing", Site(folder), accept="application/json")
    [error] = missing.json()["errors"]
    assert (missing.status_code, error["message"]) == (404, "Not Found")
    assert error["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(("coding", "unpacked"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
async def test_files_come_packed_and_are_asked_for_again_by_their_tag(
    front: Any, folder: Path, coding: str, unpacked: Any
) -> None:
    site = Site(folder)
    async with front(site=site).client() as client:
        asking = {"accept-encoding": coding}
        async with client.stream("GET", "/dashboard/parts/main.js", headers=asking) as first:
            packed = b"".join([part async for part in first.aiter_raw()])
        assert first.headers["content-encoding"] == coding
        assert "accept-encoding" in first.headers["vary"].lower()
        assert first.headers["cache-control"] == "no-cache"
        assert len(packed) < len(SCRIPT) / 5
        assert unpacked(packed) == SCRIPT
        tag = first.headers["etag"]
        again = await client.get("/dashboard/parts/main.js", headers=asking | {"if-none-match": tag})
        plain = await client.get("/dashboard/parts/main.js", headers={"accept-encoding": "identity"})
    assert (again.status_code, again.content) == (304, b"")
    # It would take the place of the policy that the kept page came with.
    assert "content-security-policy" not in again.headers
    assert plain.headers["etag"] != tag


async def test_head_tells_the_size_and_sends_nothing(front: Any, folder: Path) -> None:
    async with front(site=Site(folder)).served() as server, httpx2.AsyncClient(base_url=server.address) as client:
        for path in ("/", "/dashboard/parts/main.js"):
            told = await client.head(path, headers={"accept-encoding": "identity"})
            sent = await client.get(path, headers={"accept-encoding": "identity"})
            assert (told.status_code, told.content) == (200, b"")
            assert told.headers["content-length"] == str(len(sent.content))
            assert told.headers["etag"] == sent.headers["etag"]
        assert (await client.post("/")).status_code == 405


async def test_the_version_changes_with_every_file(front: Any, folder: Path) -> None:
    async def told() -> Any:
        answer = await get(front, "/dashboard/version.json", Site(folder))
        assert answer.headers["content-type"] == "application/json"
        return answer.json()["version"]

    first = await told()
    assert await told() == first
    (folder / "dashboard" / "parts" / "main.js").write_bytes(SCRIPT + b"//")
    second = await told()
    (folder / "dashboard" / "parts" / "main.js").rename(folder / "dashboard" / "main.js")
    assert len({first, second, await told()}) == 3


async def test_without_npms_part_a_browser_is_told_how_to_ask(front: Any, folder: Path) -> None:
    page = await get(front, "/graphql", Site(folder))
    assert "curl http://hub/graphql" in page.text
    hostile = await get(front, "/graphql", Site(folder), host='x"><script>alert(1)</script>')
    assert "<script>" not in hostile.text
    # A link that carries a query is answered, also in a browser.
    linked = await get(front, "/graphql?query={hello}", Site(folder))
    assert linked.json() == {"data": {"hello": "hello world"}}


async def test_with_it_the_explorer_comes(front: Any, folder: Path) -> None:
    (folder / "explorer" / "npm").mkdir()
    (folder / "explorer" / "npm" / "graphiql.min.js").write_bytes(SCRIPT)
    site = Site(folder)
    page = await get(front, "/graphql", site)
    assert page.text == "<!doctype html><title>explorer</title>"
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "Accept" in page.headers["vary"]
    assert (await get(front, "/explorer/npm/graphiql.min.js", site)).content == SCRIPT
    assert "errors" in (await get(front, "/graphql", site, accept="application/json")).json()


async def test_a_hub_may_go_without_pages(front: Any) -> None:
    assert (await get(front, "/", None)).status_code == 404
    assert (await get(front, "/dashboard/version.json", None)).status_code == 404
    asked = await get(front, "/graphql", None)
    assert "errors" in asked.json()


async def test_the_dashboard_asks_for_nothing_that_is_not_there(front: Any) -> None:
    site, there = Site(), PAGES / "dashboard"
    page = (there / "index.html").read_text()
    wanted = {name for name in re.findall(r'(?:src|href)="(?!data:)([^"?#]+)"', page) if "." in name.strip("./")}
    for script in there.rglob("*.js"):
        imports = re.findall(r"""(?m)(?:from|import\() *['"](\./[^'"]+)""", script.read_text())
        wanted |= {f"dashboard/{(script.parent / name).resolve().relative_to(there)}" for name in imports}
    assert len(wanted) > 5
    for name in wanted:
        assert (await get(front, f"/{name}", site)).status_code == 200, name


@pytest.mark.parametrize("path", sorted(PAGES.rglob("*.html")), ids=lambda path: path.parent.name)
def test_no_page_holds_a_script_a_style_or_an_address_of_elsewhere(path: Path) -> None:
    page = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page)
    assert not re.search(r"<style|\bstyle=|\bon\w+=", page)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
