"""Text to plain data with the place of every node.

Unquoted YAML scalars follow JSON: `true`, `false`, `null`, numbers; everything else is text, so that `on`, `1:30` and `2026-11-23` are what
they look like. Nothing in a file is ever executed: tags are refused, aliases are counted, sizes are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from maid_lab.model.diagnostics import Diagnostic

__all__ = ["Document", "parse_document"]

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000
MAX_ALIAS_NODES: Final = 100

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
#: Free text, where invisible characters are kept and reported; everywhere else they are refused.
_FREE_TEXT: Final = frozenset({"description", "notes", "title", "log", "text", "body"})


@dataclass(slots=True)
class Document:
    """A parsed file.

    Attributes
    ----------
    data : object
        Plain mappings, lists, texts, numbers, booleans and None.
    places : dict
        JSON pointer → (line, column) of the value, both from 1; the pointer followed by `#` gives the place of its key.
    """

    source: str = ""
    data: Any = None
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def place(self, pointer: str, *, of_key: bool = False) -> tuple[int, int]:
        """Return the line and column of a node, or of the nearest one around it."""
        if of_key and f"{pointer}#" in self.places:
            return self.places[f"{pointer}#"]
        while pointer and pointer not in self.places:
            pointer = pointer.rpartition("/")[0]
        return self.places.get(pointer, (1, 1))


def parse_document(text: str | bytes, *, source: str = "") -> Document:
    """Parse YAML or JSON (which is YAML) into a document; problems are diagnostics, never exceptions."""
    document = Document(source=source)
    decoded = _decode(text, document)
    if decoded is None:
        return document
    try:
        nodes = list(yaml.compose_all(decoded, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"the file is not valid YAML: {error.problem or error.context}"
        _add(document, "E003", message, "Check indentation, quotes and brackets there.", mark)
        return document
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        code, message = (
            ("E007", "the file is nested too deeply") if isinstance(error, RecursionError) else ("E003", f"not valid YAML: {error}")
        )
        _add(document, code, message.splitlines()[0], "Check the file with a YAML editor.", None)
        return document
    if len(nodes) != 1 or nodes[0] is None:
        code, message = ("E009", "the file holds several documents") if len(nodes) > 1 else ("E003", "the file is empty")
        _add(
            document,
            code,
            message,
            "A recipe is one document that begins with schema: maid.recipe/v1.",
            nodes[1].start_mark if len(nodes) > 1 else None,
        )
        return document
    document.data = _Builder(document).build(nodes[0], "", 0)
    return document


class _Loader(yaml.SafeLoader):
    """Composes nodes without resolving: scalars are resolved by JSON's rules afterwards."""


def _decode(text: str | bytes, document: Document) -> str | None:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            _add(document, "E001", f"byte {error.start} is not UTF-8", "Save the file as UTF-8.", None)
            return None
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        _add(
            document, "E002", f"the file is larger than {MAX_BYTES // 1024} KiB", "Move data into data sets and steps into fragments.", None
        )
        return None
    return text


def _add(document: Document, code: str, message: str, hint: str, mark: Any, pointer: str = "", severity: Any = "error") -> None:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    document.diagnostics.append(
        Diagnostic(
            code=code, severity=severity, message=message, hint=hint, pointer=pointer, line=line, column=column, source=document.source
        )
    )


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0
        self._alias_nodes = 0
        self._seen: set[int] = set()
        self._is_over = False

    def build(self, node: yaml.Node, pointer: str, depth: int) -> Any:
        if self._is_over:
            return None
        self._nodes += 1
        if id(node) in self._seen:
            self._alias_nodes += 1
        self._seen.add(id(node))
        if self._nodes > MAX_NODES or depth > MAX_DEPTH or self._alias_nodes > MAX_ALIAS_NODES:
            self._is_over = True
            if self._alias_nodes > MAX_ALIAS_NODES:
                self._say(
                    "E008", f"aliases add more than {MAX_ALIAS_NODES} nodes", "Write the repeated part out, or use include.", node, pointer
                )
            else:
                self._say(
                    "E007", f"the file has more than {MAX_NODES} nodes or {MAX_DEPTH} levels", "Split it with include.", node, pointer
                )
            return None
        self._document.places[pointer] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, pointer)
        self._tag(node, pointer)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(node.value)]
        return self._mapping(node, pointer, depth) if isinstance(node, yaml.MappingNode) else None

    def _mapping(self, node: yaml.MappingNode, pointer: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, pointer)
            if key is None:
                continue
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in result:
                self._say("E005", f"the key {key!r} stands twice", "Remove one of them.", key_node, below)
                continue
            self._document.places[f"{below}#"] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            result[key] = self.build(value_node, below, depth + 1)
        return result

    def _key(self, node: yaml.Node, pointer: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._say("E006", "a key is not text", "Write keys as plain words.", node, pointer)
            return None
        if node.value == "<<" and node.style is None:
            self._say("E008", "the merge key << is not used here", "Write the keys out, or use include.", node, pointer)
            return None
        value = self._plain(node)
        if not isinstance(value, str):
            self._say("E006", f"the key {node.value} is not text", f'Write it in quotes: "{node.value}".', node, pointer)
            return None
        if _INVISIBLE.search(value):
            self._say("E010", "a key holds a control or invisible character", "Type the key again.", node, pointer)
        return value

    def _scalar(self, node: yaml.ScalarNode, pointer: str) -> Any:
        self._tag(node, pointer)
        value = self._plain(node)
        if isinstance(value, str) and _INVISIBLE.search(value):
            if pointer.rpartition("/")[2] in _FREE_TEXT:
                self._say("W011", "the text holds an invisible character", "Remove it if it is not meant.", node, pointer, "warning")
            else:
                self._say("E010", "the value holds a control or invisible character", "Type the value again.", node, pointer)
        return value

    @staticmethod
    def _plain(node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.style is not None:
            return text
        words: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
        if text in words:
            return words[text]
        if len(text) < 400 and _NUMBER.fullmatch(text):
            return float(text) if any(char in text for char in ".eE") else int(text)
        return text

    def _tag(self, node: yaml.Node, pointer: str) -> None:
        if not (node.tag or "").startswith("tag:yaml.org,2002:") or _is_explicit(node):
            self._say("E004", f"the tag {node.tag} is not allowed", "Remove it: values are plain data.", node, pointer)

    def _say(self, code: str, message: str, hint: str, node: yaml.Node, pointer: str, severity: str = "error") -> None:
        _add(self._document, code, message, hint, node.start_mark, pointer, severity)


def _is_explicit(node: yaml.Node) -> bool:
    """Whether the author wrote a tag: only implicit resolution gives these to plain scalars and collections."""
    implicit = {"str", "map", "seq", "int", "float", "bool", "null", "timestamp", "merge", "value"}
    buffer = node.start_mark.buffer
    if buffer is not None and node.start_mark.pointer < len(buffer) and buffer[node.start_mark.pointer] == "!":
        return True
    return node.tag.rpartition(":")[2] not in implicit
