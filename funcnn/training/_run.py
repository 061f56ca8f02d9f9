"""A run: moments of a source, completed and shown to all who watch, until the plan or one of them ends it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from ._history import History, Rows, join
from ._keeping import Begun, Kept, Unkept, require_columns
from ._plan import Plan
from ._sources import Source
from ._state import TrainState
from ._step import Step
from ._together import together
from ._watchers import Moment, Watcher, end_row, resulting, shown_to, told_of_the_end


def train(
    source: Source,
    step: Step,
    begun: Begun,
    plan: Plan,
    completed: Sequence[Callable[[Moment], Moment]],
    watchers: Sequence[Watcher],
    keeper: Kept | Unkept,
    raise_signals: Callable[[], None],
) -> tuple[TrainState, History]:
    """Show each moment, completed, to all watchers, until the plan or one of them ends it."""
    state, parts = begun.state, [*begun.parts]
    moment = None

    def see(moment):
        nonlocal state
        for complete in completed:
            moment = complete(moment)
        require_columns(parts, moment.values)
        parts.append(moment.values)
        state = moment.state
        return shown_to(watchers, moment)

    def conclude():
        nonlocal state
        state = resulting(watchers, state)

    with _carrying(lambda: (state, parts)), told_of_the_end(watchers), _rescued(keeper, parts):
        with closing(source.train(step, begun.state, plan, begun.sums)) as moments:
            for moment in moments:
                wished, *_ = together(partial(see, moment))
                keeper.see(moment, parts)
                raise_signals()
                if wished:
                    break
        if moment is not None and moment.within_row:  # steps are left over: a last, shorter row
            together(partial(see, end_row(step, moment)._replace(spent=0.0, examples=0)))
        keeper.finish(parts)
        together(conclude)
    return state, join(parts)


@contextmanager
def _carrying(now: Callable[[], tuple[TrainState, Sequence[Rows]]]) -> Iterator[None]:
    """An error from within, a watcher's at the end too, carries the last state and the history."""
    try:
        yield
    except BaseException as error:
        state, parts = now()
        if parts:
            vars(error).update(state=state, history=join(parts))
        raise


@contextmanager
def _rescued(keeper: Kept | Unkept, parts: list[Rows]) -> Iterator[None]:
    """Before an error from within goes on, the last moment is saved."""
    try:
        yield
    except BaseException as error:
        keeper.rescue(parts, error)
        raise
