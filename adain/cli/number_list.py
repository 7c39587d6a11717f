"""Options that take several numbers after their name, which click does not support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

__all__ = ["CommandWithNumbers", "NumberList"]


class NumberList(click.Option):
    """An option that takes all numbers that follow it: `--weights 0.7 0.3`. It may also be repeated.

    Use it as `cls`, with `multiple=True`, in a command of class `CommandWithNumbers`.
    """


class CommandWithNumbers(click.Command):
    """A command that has `NumberList` options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments as click does, after giving each number its own option."""
        for option in self.params:
            if isinstance(option, NumberList):
                args = list(_one_each(args, option.opts[0]))
        return super().parse_args(ctx, args)


def _one_each(args: Sequence[str], option: str) -> Iterator[str]:
    """Turn `--weights 1 2` into `--weights 1 --weights 2`, the only form that click reads."""
    takes_numbers = False
    for position, arg in enumerate(args):
        if arg == "--":
            yield from args[position:]
            return
        if arg == option:
            takes_numbers = True
            following = args[position + 1 : position + 2]
            if not following or not _is_number(following[0]):
                yield arg  # click reports the missing number
        elif takes_numbers and _is_number(arg):
            yield from (option, arg)
        else:
            takes_numbers = False
            yield arg


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
