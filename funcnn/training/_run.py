"""A run: moments of a source, completed and shown to all who watch, until the plan or one of them ends it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from ._history import History, join
from ._keeping import Begun, Kept, Unkept, require_columns
from ._plan import Plan
from ._sources import Source
from ._state import TrainState
from ._step import Step
from ._together import together
from ._watchers import Moment, Watcher, close, end_row, resulting, shown_to


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
    moment, error = None, None

    def see(moment):
        nonlocal state
        for complete in completed:
            moment = complete(moment)
        require_columns(parts, moment.values)
        parts.append(moment.values)
        state = moment.state
        return shown_to(watchers, moment)

    try:
        with closing(source.train(step, begun.state, plan, begun.sums)) as moments:
            for moment in moments:
                wished, *_ = together(partial(see, moment))
                keeper.see(moment, parts)
                raise_signals()
                if wished:
                    break
        if moment is not None and moment.sums["loss"][1] > 0:  # steps are left over: a last, shorter row
            together(partial(see, end_row(step, moment)._replace(spent=0.0, examples=0)))
        keeper.finish(parts)
    except BaseException as caught:
        error = caught
        keeper.rescue(parts, error)
        if parts:
            vars(error).update(state=state, history=join(parts))
        raise
    finally:
        close(watchers, error)
    return resulting(watchers, state), join(parts)
