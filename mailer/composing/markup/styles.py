"""Which declarations of the document's style sheets go into which element's style attribute."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cssselect2
import tinycss2
from cssselect2 import parser
from cssselect2.compiler import CompiledSelector
from tinycss2.ast import Declaration, QualifiedRule

from mailer.composing.markup.document import Document, Node
from mailer.composing.markup.elements import NO_STYLE
from mailer.composing.markup.references import value_of
from mailer.composing.markup.rule_set import Declared, Matched, RuleSet, wanted_around
from mailer.composing.markup.visibility import hides

_EVERYWHERE = frozenset({"", "all", "screen"})
_UNSURE = re.compile(r"[+~]|:(?:nth|first|last|only|empty|not)", re.IGNORECASE)
_STRING = re.compile(r"\"([^\"'\\]*)\"")


@dataclass(slots=True)
class Inlined:
    """What goes before an element's own declarations, and what goes after them."""

    before: str = ""
    after: str = ""


def compute(document: Document, only: set[Node] | None = None) -> dict[Node, Inlined]:
    """Compute each element's style (kept on its node) and what to inline."""
    rules = _rules_of(document)
    nodes = {node.element: node for node in document.nodes}
    inlined: dict[Node, Inlined] = {}
    for wrapper in cssselect2.ElementWrapper.from_html_root(document.root).iter_subtree():
        node = nodes.get(wrapper.etree_element)
        if node is None or (only is not None and node not in only):
            continue
        found = _inlined(node, rules.matching(node, wrapper))
        if (found.before or found.after) and not node.dynamic and node.name not in NO_STYLE:
            inlined[node] = found
        node.hidden = hides(node)
    return inlined


def _rules_of(document: Document) -> RuleSet:
    rules = RuleSet()
    conditional = any(node.depth for node in document.nodes)
    for event in document.events:
        if event.kind == "raw" and event.node and event.node.name == "style":
            style = event.node
            if (style.attribute("type") or "text/css").strip().lower() != "text/css":
                continue
            media = (style.attribute("media") or "").strip().lower()
            liquid = "{{" in event.text or "{%" in event.text
            sure = media in _EVERYWHERE and not (style.depth or style.guarded or liquid)
            if media != "print":
                for rule in _parsed(event.text):
                    certain = sure and rule.sure and not (conditional and rule.by_position)
                    rules.add(rule.selector, rule.around, Matched(rule.declarations, not certain))
    return rules


class _Rule(NamedTuple):
    selector: Any
    around: frozenset[str]
    declarations: list[Declared]
    sure: bool  # independent of the reader's device
    by_position: bool  # depends on its neighbours, which can differ between recipients


@lru_cache(maxsize=64)
def _parsed(sheet: str) -> list[_Rule]:
    return list(_rules(tinycss2.parse_stylesheet(sheet, True, True), sure=True))


def _rules(rules: Any, *, sure: bool) -> Iterator[_Rule]:
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            yield from _style_rule(rule, sure=sure)
        elif rule.type == "at-rule" and rule.content and _on_screen(rule):
            yield from _rules(tinycss2.parse_rule_list(rule.content, True, True), sure=False)


def _on_screen(rule: Any) -> bool:
    return (
        rule.lower_at_keyword in {"media", "supports"}
        and "print" not in tinycss2.serialize(rule.prelude).lower()
    )


def _style_rule(rule: QualifiedRule, *, sure: bool) -> Iterator[_Rule]:
    declarations = [found for found in _declarations(rule.content) if not found.name.startswith("--")]
    prelude = tinycss2.serialize(rule.prelude)
    if not declarations or "~" in prelude.replace("~=", ""):  # siblings without end
        return
    try:
        selectors = [(CompiledSelector(parsed), parsed.parsed_tree) for parsed in parser.parse(rule.prelude)]
    except (cssselect2.SelectorError, NotImplementedError):
        return
    by_position = bool(_UNSURE.search(prelude))
    for selector, tree in selectors:
        yield _Rule(selector, wanted_around(tree), declarations, sure, by_position)


def _declarations(source: Any) -> list[Declared]:
    return [
        Declared(found.lower_name, _text(found), bool(found.important))
        for found in tinycss2.parse_blocks_contents(source, True, True)
        if isinstance(found, Declaration)
    ]


def _text(declaration: Any) -> str:
    tokens = [token for token in declaration.value if token.type != "comment"]
    return _STRING.sub(r"'\1'", tinycss2.serialize(tokens).strip())


def _inlined(node: Node, rules: list[Matched]) -> Inlined:
    """Merge what matches, weakest first, with the author's own style attribute."""
    own = _own(node)
    written = {declared.name for declared in own}
    sure = [d for rule in rules if not rule.only_sometimes for d in rule.declarations]
    normal = [d for d in sure if not d.important and d.name not in written]
    important = [d for d in sure if d.important]
    for declared in (*normal, *own, *important, *(d for d in own if d.important)):
        node.style[declared.name] = declared.value.lower()
    for rule in rules:
        if rule.only_sometimes:
            _hide_sometimes(node, rule)
    stronger = {d.name for d in own if d.important}
    after = [d for d in important if d.name not in stronger]
    winning = {d.name for d in after}
    return Inlined(_join([d for d in normal if d.name not in winning]), _join(after))


def _hide_sometimes(node: Node, rule: Matched) -> None:
    """An unsubscribe link that is hidden on phones does not count."""
    for declared in rule.declarations:
        if declared.name == "display" and declared.value.lower() == "none":
            node.style["-hidden-sometimes"] = "yes"


def _own(node: Node) -> list[Declared]:
    attribute = node.token.attribute("style")
    return _of_attribute(attribute.value) if attribute and attribute.value else []


@lru_cache(maxsize=2048)
def _of_attribute(value: str) -> list[Declared]:
    return _declarations(re.sub(r"\{%.*?%\}", ";", value_of(value), flags=re.DOTALL))


def _join(declarations: list[Declared]) -> str:
    """Each property once, at its last occurrence, with the fallbacks it needs."""
    kept: list[Declared] = []
    for declared in declarations:
        if "(" not in declared.value:
            kept = [other for other in kept if other.name != declared.name]
        elif declared in kept:
            kept.remove(declared)
        kept.append(declared)
    return " ".join(f"{declared.name}: {declared.value};" for declared in kept)
