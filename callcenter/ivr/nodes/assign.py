"""set: variables; language: which language the caller is spoken to in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from callcenter.basics.vocabulary import Language
from callcenter.ivr.asks import LanguageSet
from callcenter.ivr.nodes.base import TEMPLATE, Context, Go, Move, Node, NodeName, VariableName


class Assign(Node):
    """Sets variables to texts, in which ``{name}`` stands for another variable."""

    type: Literal["set"]
    variables: Annotated[dict[VariableName, Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=20)]
    next: NodeName

    def exits(self) -> Mapping[str, str]:
        """Where it goes on."""
        return {"next": self.next}

    def sets(self) -> tuple[str, ...]:
        """What it sets."""
        return tuple(self.variables)

    def templates(self) -> Iterator[tuple[str, str]]:
        """The texts."""
        for name, text in self.variables.items():
            yield f"variables.{name}", text

    def enter(self, name: str, context: Context) -> Move:
        """Set, go on."""
        values = {key: TEMPLATE.sub(lambda match: context.value(match[1]), text)[:400] for key, text in self.variables.items()}
        return Move(then=Go(to=self.next), variables=values)


class SetLanguage(Node):
    """From here on the caller is spoken to in ``language``; ``other`` is the one not spoken now."""

    type: Literal["language"]
    language: Language | Literal["other"]
    next: NodeName

    def exits(self) -> Mapping[str, str]:
        """Where it goes on."""
        return {"next": self.next}

    def enter(self, name: str, context: Context) -> Move:
        """Change, go on."""
        wanted = self.language
        if wanted == "other":
            wanted = Language.EN if context.language is Language.ZH else Language.ZH
        language = Language(wanted)
        return Move(then=Go(to=self.next), language=language, notes=(LanguageSet(language=language),))
