"""PURE: the narrative rules of R4 (txt-1, txt-2), checked on the text alone.

No XML parser ever sees a narrative, so no entity is ever expanded and no address is ever fetched. Narratives are kept
and never rendered; what is checked here is that they are the limited, well-formed XHTML that FHIR allows.
"""

from __future__ import annotations

import re

ELEMENTS = frozenset(
    (
        *("a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd"),
        *("dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li"),
        *("ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "tr", "tt", "u", "ul", "var"),
    )
)
ATTRIBUTES = frozenset(
    (
        *("abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing"),
        *("cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame"),
        *("headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name", "nowrap", "rel", "rev"),
        *("rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title"),
        *("type", "valign", "value", "vspace", "width", "xml:base", "xml:lang", "xml:space", "xmlns"),
    )
)
XHTML = "http://www.w3.org/1999/xhtml"
_PIECE = re.compile(r"<!--.*?-->|<[^<>]*>|<|[^<]+", re.DOTALL)
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<attributes>[^<>]*?)(?P<empty>/?)>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\s+([A-Za-z_:][\w:.\-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_REFERENCE = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]*|#[0-9]+|#x[0-9A-Fa-f]+);)")


def fault(div: str) -> str | None:
    """Say what is wrong with `Narrative.div`, naming the invariant; None if nothing is."""
    open_tags: list[str] = []
    content = closed = False
    for piece in map(re.Match.group, _PIECE.finditer(div.strip())):  # stops at the first fault
        if piece.startswith("<!--"):
            continue
        if closed or not (open_tags or piece.startswith("<")):
            return "txt-1: put the whole narrative into one <div>."
        if piece.startswith("<"):
            wrong = _tag(piece, open_tags)
            if wrong:
                return f"txt-1: {wrong}."
            content = content or piece.startswith("<img")
            closed = not open_tags
        elif _REFERENCE.search(piece):
            return "txt-1: write well-formed XHTML; escape & and <."
        else:
            content = content or bool(piece.strip())
    if open_tags or not closed:
        return "txt-1: write well-formed XHTML; close every element."
    return None if content else "txt-2: write a narrative that says something, or leave it out."


def _tag(piece: str, open_tags: list[str]) -> str | None:
    """Take one tag into account; `open_tags` is kept up to date."""
    tag = _TAG.fullmatch(piece)
    if tag is None:
        return "write plain XHTML, without DOCTYPE, entities, CDATA or processing instructions"
    name = tag["name"]
    if name not in ELEMENTS:
        return "use only the XHTML elements that FHIR allows in a narrative"
    if tag["end"]:
        closes = bool(open_tags) and open_tags.pop() == name
        return None if closes else "write well-formed XHTML; close every element in order"
    if not open_tags and name != "div":
        return "put the whole narrative into one <div>"
    wrong = _attributes(tag["attributes"], outermost=not open_tags)
    if not tag["empty"]:
        open_tags.append(name)
    return wrong


def _attributes(text: str, *, outermost: bool) -> str | None:
    end = 0
    while found := _ATTRIBUTE.match(text, end):  # one after the other: searching would be quadratic in white space
        name, double, single = found.groups()
        if name not in ATTRIBUTES or (outermost and name == "xmlns" and (double or single) != XHTML):
            return "use only the attributes that FHIR allows in a narrative, and the XHTML namespace"
        end = found.end()
    return "quote the value of every attribute" if text[end:].strip() else None
