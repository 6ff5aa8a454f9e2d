"""PURE: the narrative rules of R4 (txt-1, txt-2): limited, well-formed XHTML in its namespace that says something.

The XML parser sees no DTD: parsing ends where one begins, as at CDATA and processing instructions, so that no entity is
ever declared, expanded or fetched. It keeps nothing but the depth. Narratives are kept and never rendered.
"""

from __future__ import annotations

from xml.parsers import expat

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
_PLAIN = "write plain XHTML, without DOCTYPE, CDATA or processing instructions"
_WELL_FORMED = (
    "write well-formed XML: one <div>, every element closed in order, every attribute once and quoted, & and < "
    "escaped, no -- inside comments, and no entities of HTML (&#160; for &nbsp;)"
)


class _WrongError(Exception):
    """What breaks txt-1."""


class _Reader:
    """Takes what the parser finds, in the order of the text."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.says = False
        self._inside = False
        parser.StartElementHandler = self._element
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = parser.XmlDeclHandler = _refuse
        parser.StartCdataSectionHandler = parser.ProcessingInstructionHandler = _refuse

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        if name not in ELEMENTS:
            raise _WrongError("use only the XHTML elements that FHIR allows in a narrative")
        if not self._inside and (name != "div" or attributes.get("xmlns") != XHTML):
            raise _WrongError(f"put the whole narrative into one <div> of the namespace {XHTML}")
        self._inside = True
        if not attributes:
            return
        if not attributes.keys() <= ATTRIBUTES or attributes.get("xmlns", XHTML) != XHTML:
            raise _WrongError("use only the attributes that FHIR allows in a narrative, and the XHTML namespace")
        if name == "img" and "src" in attributes:
            self.says = True

    def _text(self, text: str) -> None:
        self.says = self.says or not text.isspace()


def _refuse(*_: object) -> None:
    raise _WrongError(_PLAIN)


def fault(div: str) -> str | None:
    """Say what is wrong with `Narrative.div`, naming the invariant; None if nothing is."""
    parser = expat.ParserCreate()
    reader = _Reader(parser)
    try:
        parser.Parse(div.strip(), True)
    except _WrongError as wrong:
        return f"txt-1: {wrong}."
    except (expat.ExpatError, UnicodeEncodeError):
        return f"txt-1: {_WELL_FORMED}."
    return None if reader.says else "txt-2: write a narrative that says something, or leave it out."
