"""The stacks of a grammar in order: how many there are, and which number each has.

Stacks with fewer blocks come first. Among those with as many, the order is that of what is chosen for the
whole stack, then of the choices of the stem, then of the first block, the second and so on, then of the
choices of the head. Blocks come in the order of the document, choices in that of their lists, the last name
moving fastest. Numbers begin at 0. They depend on the grammar alone, neither on the input nor on targets;
so some are those of stacks that cannot be built at an input.
"""

from __future__ import annotations

from rfcalc.errors import UsageError
from rfcalc.questions.design.grammar import BEGIN, Grammar, State
from rfcalc.records import NamedTuple


class Choice(NamedTuple):
    """A stack by what is chosen in its grammar, as places in lists; places compare as numbers do.

    Parameters
    ----------
    globals : int
        What is chosen once, in `Grammar.globals`.
    stem : int
        The choices of the stem; 0 where there is none.
    options : tuple of int
        The blocks, in `Grammar.options`.
    head : int
        The choices of the head; 0 where there is none.
    """

    globals: int
    stem: int
    options: tuple[int, ...]
    head: int = 0

    @property
    def order(self) -> tuple[int, int, int, tuple[int, ...], int]:
        """What stacks are ordered by."""
        return (len(self.options), *self)


class Numbering:
    """Counts the stacks of a grammar, and gives each its number.

    Parameters
    ----------
    grammar : Grammar
        The grammar.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._stems = 1 if grammar.stem is None else len(grammar.stem.options)
        self._heads = 1 if grammar.head is None else len(grammar.head.options)
        self._around = len(grammar.globals) * self._stems * self._heads
        self._counts: list[dict[State, int]] = [{}]  # by how many blocks are still to come

    def _count(self, state: State, length: int) -> int:
        """Count the rows of so many blocks that may stand behind a state."""
        if length == 0:
            return 1
        while len(self._counts) <= length:
            self._counts.append({})
        known = self._counts[length]
        if state not in known:
            grammar = self._grammar
            ways = 0
            for place, block in enumerate(grammar.blocks):
                after = grammar.follows(state, place)
                if after is not None:
                    ways += len(block.options) * self._count(after, length - 1)
            known[state] = ways
        return known[state]

    def of_length(self, blocks: int) -> int:
        """Count the stacks of so many blocks."""
        return self._around * self._count(BEGIN, blocks)

    def up_to(self, blocks: int) -> int:
        """Count the stacks of one block up to so many."""
        return sum(self.of_length(length) for length in range(1, blocks + 1))

    def number(self, choice: Choice) -> int:
        """Return the number of a stack."""
        length, grammar = len(choice.options), self._grammar
        rank, state = choice.globals * self._stems + choice.stem, BEGIN
        rank *= self._count(BEGIN, length)
        for place, chosen in enumerate(choice.options):
            left = length - place - 1
            for option in grammar.options[:chosen]:
                after = grammar.follows(state, option.place)
                rank += 0 if after is None else self._count(after, left)
            behind = grammar.follows(state, grammar.options[chosen].place)
            assert behind is not None
            state = behind
        return self.up_to(length - 1) + rank * self._heads + choice.head

    def choice(self, number: int) -> Choice:
        """Return the stack of a number.

        Raises
        ------
        UsageError
            There is none.
        """
        grammar, length, left = self._grammar, 1, number
        while length <= grammar.most_blocks and left >= self.of_length(length):
            left -= self.of_length(length)
            length += 1
        if number < 0 or length > grammar.most_blocks:
            count = self.up_to(grammar.most_blocks)
            raise UsageError(f"the grammar has no stack {number:,}; it has {count:,}, from 0 on")
        left, head = divmod(left, self._heads)
        around, left = divmod(left, self._count(BEGIN, length))
        options, state = [], BEGIN
        for place in range(length):
            for chosen, option in enumerate(grammar.options):
                after = grammar.follows(state, option.place)
                ways = 0 if after is None else self._count(after, length - place - 1)
                if after is not None and left < ways:
                    options.append(chosen)
                    state = after
                    break
                left -= ways
        return Choice(*divmod(around, self._stems), tuple(options), head)
