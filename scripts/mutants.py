"""Mutants of Solidity sources: one small change each, made from the compiler's syntax tree.

A mutant goes by an id that says contract, function, operator and the text that changes, and holds no line number: it
stays the same while other code moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Node = Mapping[str, Any]

DROPPED = "(dropped)"

_COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
_ARITHMETIC = {"+": "-", "-": "+", "<<": ">>", ">>": "<<", "&": "|", "|": "&"}
_LOGIC = {"&&": "||", "||": "&&"}

# An id shows the smallest of these that the change lies in.
_SHOWN = {
    "EmitStatement",
    "ExpressionStatement",
    "ModifierInvocation",
    "Return",
    "RevertStatement",
    "VariableDeclarationStatement",
    "YulAssignment",
    "YulExpressionStatement",
}


@dataclass(frozen=True)
class Mutant:
    """One change of one source.

    source: its name; start, end: the bytes that are replaced; text: by what.
    where: contract and function; operator: kind of the change; before, after: the code around it, on one line.
    number: counts mutants that are alike in all of these.
    """

    source: str
    start: int
    end: int
    text: str
    where: str
    operator: str
    before: str
    after: str
    number: int = 1

    @property
    def id(self) -> str:
        """The stable name."""
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.where} | {self.operator} | {self.before} => {self.after}{again}"

    def apply(self, original: str) -> str:
        """The source with the change."""
        content = original.encode()
        return (content[: self.start] + self.text.encode() + content[self.end :]).decode()


def mutants(name: str, original: str, trees: Mapping[str, Node]) -> list[Mutant]:
    """All mutants of one source, in the order of its text.

    name: the source's name; original: its text; trees: source name to syntax tree, with that of every source whose
    enumerations are used.
    """
    maker = _Maker(name, original.encode(), _enumerations(trees))
    found: dict[tuple[int, int, str], Mutant] = {}
    for mutant in maker.walk(trees[name], _Place(name.rsplit("/", 1)[-1].removesuffix(".sol"))):
        found.setdefault((mutant.start, mutant.end, mutant.text), mutant)
    counts: dict[str, int] = {}
    numbered = []
    for mutant in sorted(found.values(), key=lambda one: (one.start, one.end, one.operator, one.text)):
        counts[mutant.id] = counts.get(mutant.id, 0) + 1
        numbered.append(replace(mutant, number=counts[mutant.id]))
    return numbered


def _enumerations(trees: Mapping[str, Node]) -> dict[int, tuple[list[str], int]]:
    """Id of an enumeration's value to the names of all its values and the value's place."""
    found: dict[int, tuple[list[str], int]] = {}
    for tree in trees.values():
        for node in _all_nodes(tree):
            if node["nodeType"] == "EnumDefinition":
                names = [member["name"] for member in node["members"]]
                found |= {member["id"]: (names, at) for at, member in enumerate(node["members"])}
    return found


def _all_nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Mapping):
        if "nodeType" in value:
            yield value
        for part in value.values():
            yield from _all_nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _all_nodes(part)


@dataclass(frozen=True)
class _Place:
    """Where the walk is: contract, function, the piece of code that an id shows."""

    contract: str
    function: str = ""
    shown: Node | None = None


@dataclass
class _Maker:
    name: str
    content: bytes
    enumerations: Mapping[int, tuple[list[str], int]]
    _made: list[Mutant] = field(default_factory=list)

    def walk(self, node: Node, place: _Place) -> Iterator[Mutant]:
        kind = node["nodeType"]
        if kind in ("StructuredDocumentation", "ImportDirective", "PragmaDirective", "EventDefinition"):
            return
        if kind == "ContractDefinition":
            place = _Place(node["name"])
        elif kind in ("FunctionDefinition", "ModifierDefinition"):
            place = _Place(place.contract, node["name"] or node["kind"])
        elif kind in _SHOWN or (kind == "VariableDeclaration" and node.get("stateVariable")):
            place = replace(place, shown=node)
        yield from self._mutants_of(node, place)
        for key, value in node.items():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, Mapping) and "nodeType" in part:
                    header = kind in ("IfStatement", "ForStatement", "WhileStatement") and key in (
                        "condition",
                        "loopExpression",
                    )
                    # A loop whose step is dropped never ends.
                    inner = part["expression"] if key == "loopExpression" else part
                    yield from self.walk(inner, replace(place, shown=inner) if header else place)

    def _mutants_of(self, node: Node, place: _Place) -> Iterator[Mutant]:
        handler = getattr(self, f"_of_{node['nodeType']}", None)
        if handler is not None and (place.function or place.shown is not None):
            yield from handler(node, place)

    # ------------------------------------------------------------ text

    def _span(self, node: Node) -> tuple[int, int]:
        start, length, _ = (int(part) for part in node["src"].split(":"))
        return start, start + length

    def _text(self, node: Node) -> str:
        start, end = self._span(node)
        return self.content[start:end].decode()

    def _make(self, operator: str, place: _Place, start: int, end: int, text: str) -> Mutant:
        shown = place.shown
        assert shown is not None
        low, high = self._span(shown)
        before = self.content[low:high].decode()
        if text == "" and start <= low and end >= high:
            after = DROPPED
        else:
            after = (self.content[low:start] + text.encode() + self.content[end:high]).decode()
        where = f"{place.contract}.{place.function}" if place.function else place.contract
        return Mutant(self.name, start, end, text, where, operator, _one_line(before), _one_line(after))

    def _replaced(self, operator: str, place: _Place, node: Node, text: str) -> Mutant:
        return self._make(operator, place if place.shown else replace(place, shown=node), *self._span(node), text)

    def _between(self, operator: str, place: _Place, left: Node, right: Node, sign: str, text: str) -> Mutant:
        """The sign between two operands, replaced."""
        start = self.content.index(sign.encode(), self._span(left)[1], self._span(right)[0])
        return self._make(operator, place, start, start + len(sign), text)

    def _drop(self, operator: str, place: _Place, node: Node) -> Mutant:
        start, end = self._span(node)
        rest = re.compile(rb"\s*;").match(self.content, end)
        if rest is None:
            return self._make(operator, place, start, end, "")
        made = self._make(operator, place, start, end, "")
        # An empty block can stand wherever a statement does.
        return replace(made, end=rest.end(), text="{}")

    # ------------------------------------------------------------ statements

    def _of_ExpressionStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802 - the node's name
        expression = node["expression"]
        if expression["nodeType"] == "FunctionCall":
            guard = expression["expression"].get("name") in ("require", "revert", "assert")
            yield self._drop("drop-guard" if guard else "drop-call", place, node)
        elif expression["nodeType"] in ("Assignment", "UnaryOperation"):
            yield self._drop("drop-assignment", place, node)

    def _of_RevertStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        yield self._drop("drop-guard", place, node)

    def _of_EmitStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        yield self._drop("drop-event", place, node)

    def _of_ModifierInvocation(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        if node.get("kind") == "modifierInvocation":
            yield self._replaced("drop-modifier", place, node, "")

    def _of_IfStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        inner = replace(place, shown=node["condition"])
        for text in ("true", "false"):
            yield self._replaced("condition", inner, node["condition"], text)

    def _of_WhileStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        yield self._replaced("condition", replace(place, shown=node["condition"]), node["condition"], "false")

    def _of_ForStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        yield self._replaced("condition", replace(place, shown=node["condition"]), node["condition"], "false")

    def _of_Return(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        expression = node.get("expression")
        if expression is not None:
            parts = expression["components"] if expression["nodeType"] == "TupleExpression" else [expression]
            for part in parts:
                yield from self._other_values(part, place)

    def _of_VariableDeclarationStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        if node.get("initialValue") is not None and len(node["declarations"]) == 1:
            yield from self._other_values(node["initialValue"], place)

    # ------------------------------------------------------------ expressions

    def _other_values(self, node: Node, place: _Place) -> Iterator[Mutant]:
        """Zero and the greatest value in the place of an expression that is no literal."""
        kind = node["typeDescriptions"]["typeString"]
        if node["nodeType"] == "Literal":
            return
        for text in _zero_and_greatest(kind):
            yield self._replaced("value", place, node, text)

    def _of_Assignment(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        if node["operator"] == "=":
            yield from self._other_values(node["rightHandSide"], place)
        else:
            yield self._between("arithmetic", place, node["leftHandSide"], node["rightHandSide"], node["operator"], "=")

    def _of_BinaryOperation(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        sign, left, right = node["operator"], node["leftExpression"], node["rightExpression"]
        if sign in _COMPARISONS:
            others = _COMPARISONS[sign]
            kinds = [side["typeDescriptions"]["typeString"] for side in (left, right)]
            if sign == "==" and all(kind.startswith("uint") for kind in kinds):
                others = (*others, "<=", ">=")
            for other in others:
                yield self._between("comparison", place, left, right, sign, other)
        elif sign in _LOGIC:
            yield self._between("logic", place, left, right, sign, _LOGIC[sign])
            for side in (left, right):
                yield self._replaced("operand", place, node, self._text(side))
        elif sign in _ARITHMETIC:
            yield self._between("arithmetic", place, left, right, sign, _ARITHMETIC[sign])
            for side in (left, right):
                yield self._replaced("operand", place, node, self._text(side))

    def _of_UnaryOperation(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        if node["operator"] == "!":
            yield self._replaced("logic", place, node, self._text(node["subExpression"]))
        elif node["operator"] in ("++", "--"):
            sign = node["operator"]
            other = {"++": "--", "--": "++"}[sign]
            yield self._replaced("arithmetic", place, node, self._text(node).replace(sign, other))

    def _of_Conditional(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        for side in ("trueExpression", "falseExpression"):
            yield self._replaced("condition", place, node, f"({self._text(node[side])})")

    def _of_Literal(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        text = self._text(node)
        if node["kind"] == "number":
            if node["value"] == "0":
                yield self._replaced("constant", place, node, "1")
            else:
                yield self._replaced("constant", place, node, f"({text} + 1)")
                yield self._replaced("constant", place, node, f"({text} - 1)")
        elif node["kind"] == "bool":
            yield self._replaced("constant", place, node, {"true": "false", "false": "true"}[text])
        elif node["kind"] == "hexString":
            last = f"{int(text[-2], 16) ^ 1:x}"
            yield self._replaced("constant", place, node, text[:-2] + last + text[-1])
        elif node["kind"] == "string":
            yield self._replaced("constant", place, node, text[:-1] + "x" + text[-1])

    def _of_MemberAccess(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        found = self.enumerations.get(node.get("referencedDeclaration") or -1)
        if found is not None:
            names, at = found
            other = names[(at + 1) % len(names)]
            yield self._replaced("enumeration", place, node, f"{self._text(node['expression'])}.{other}")
        elif node["memberName"] == "max" and self._text(node["expression"]).startswith("type("):
            yield self._replaced("constant", place, node, f"({self._text(node)} - 1)")

    def _of_TupleExpression(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        # On the left hand side as well: what is taken apart is then taken apart wrongly.
        yield from self._swaps([part for part in node["components"] if part is not None], place)

    def _of_FunctionCall(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        callee = node["expression"]
        if node["kind"] == "typeConversion":
            wide = re.fullmatch(r"uint(\d+)", self._text(callee))
            if wide and int(wide[1]) < 256:
                for bits in (int(wide[1]) - 8, int(wide[1]) + 8):
                    if bits:
                        yield self._replaced("width", place, callee, f"uint{bits}")
            return
        if node["kind"] != "functionCall" or callee.get("name") == "require":
            return
        yield from self._swaps(node["arguments"], place)
        if "error" not in callee["typeDescriptions"].get("typeString", ""):
            for argument in node["arguments"]:
                if argument["nodeType"] != "Literal":
                    zeros = list(_zero_and_greatest(argument["typeDescriptions"]["typeString"]))[:1]
                    for text in zeros:
                        yield self._replaced("value", place, argument, text)

    def _swaps(self, parts: list[Node], place: _Place) -> Iterator[Mutant]:
        last: dict[str, Node] = {}
        for part in parts:
            kind = part["typeDescriptions"]["typeString"]
            other = last.get(kind)
            last[kind] = part
            if other is None or self._text(other) == self._text(part):
                continue
            (start, end), (low, high) = self._span(other), self._span(part)
            middle = self.content[end:low].decode()
            yield self._make("swap", place, start, high, self._text(part) + middle + self._text(other))

    # ------------------------------------------------------------ assembly

    def _of_YulExpressionStatement(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        yield self._replaced("drop-call", place, node, "")

    def _of_YulAssignment(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        yield self._replaced("drop-assignment", place, node, "")

    def _of_YulFunctionCall(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        name = node["functionName"]["name"]
        if name in ("and", "or", "add", "sub"):
            for argument in node["arguments"]:
                yield self._replaced("operand", place, node, self._text(argument))
        elif name == "eq":
            yield self._replaced("comparison", place, node, f"iszero({self._text(node)})")

    def _of_YulLiteral(self, node: Node, place: _Place) -> Iterator[Mutant]:  # noqa: N802
        if node["kind"] == "number":
            value = int(self._text(node), 0)
            for other in (value + 1, value - 1):
                if other >= 0:
                    yield self._replaced("constant", place, node, hex(other))


def _zero_and_greatest(kind: str) -> Iterator[str]:
    """Zero and, of numbers, the greatest value of a type; nothing for types that have no such values."""
    if kind == "bool":
        yield from ("true", "false")
    elif kind == "address":
        yield "address(0)"
    elif re.fullmatch(r"bytes\d+", kind):
        yield f"{kind}(0)"
    elif re.fullmatch(r"uint\d+", kind):
        yield from ("0", f"type({kind}).max")
    elif re.fullmatch(r"Filing(Key|Word)|TrancheWord", kind):
        yield f"{kind}.wrap(0)"


def _one_line(code: str) -> str:
    return " ".join(code.split())
