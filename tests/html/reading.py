"""What a page says, as a browser would take it apart."""

import gzip
import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = ("meta", "br", "link", "input", "img", "hr")


@dataclass
class Tag:
    """An element by its name and attributes, with the text right below it."""

    name: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a page, in their order. Built by `read`."""

    tags: list[Tag] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags:
            self.tags[-1].text += data

    def of(self, *names: str) -> list[Tag]:
        """The elements of these names."""
        return [tag for tag in self.tags if tag.name in names]

    def texts(self, *names: str) -> list[str]:
        """What stands in them."""
        return [tag.text.strip() for tag in self.of(*names)]


def read(html: str) -> Page:
    """The page taken apart."""
    page = Page()
    page.feed(html)
    page.close()
    return page


def drawn(html: str) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Data and layout of each figure, as the page's script gets them."""
    packed = re.search(r'<script type="text/plain" id="figures">([^<]*)</script>', html)
    assert packed is not None
    shown = json.loads(gzip.decompress(b64decode(packed[1])))
    return list(zip(shown["data"], shown["layouts"], strict=True))
