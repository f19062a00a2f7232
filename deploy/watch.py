"""Watch over the parts of a stack: tell how one ended, start it again, but not for ever."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

RESTARTS_MAX = 5
FIRST_PAUSE_SECONDS = 1.0
# Who has run so long begins to count anew.
SOUND_AFTER_SECONDS = 60.0


class Part(Protocol):
    """One program of a stack."""

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Start it again."""
        ...

    def how_it_ended(self) -> str:
        """Say with which exit code or signal it ended, as far as can be known."""
        ...

    def last_lines(self) -> str:
        """Return the end of its log since it was started."""
        ...


@dataclass
class _State:
    """What is known of one part.

    Attributes:
        restarts: How often it was started again without having run for long since.
        started_at: When it was started last.
        due_at: When to start it again; None while it runs, and once it is left alone.
        is_left_alone: It ended too often.
    """

    started_at: float
    restarts: int = 0
    due_at: float | None = None
    is_left_alone: bool = False


@dataclass
class Watch:
    """Looks at the parts from time to time.

    Attributes:
        parts: By name, in the order in which they stand on each other.
        tell: Hears what happens.
        now: The first look's moment, in seconds of any clock.
    """

    parts: Mapping[str, Part]
    tell: Callable[[str], None]
    now: float
    _states: dict[str, _State] = field(init=False)

    def __post_init__(self) -> None:
        """Take all parts as just started."""
        self._states = {name: _State(self.now) for name in self.parts}

    def look(self, now: float) -> None:
        """Tell of parts that ended, and start those again whose pause is over."""
        for name, part in self.parts.items():
            state = self._states[name]
            if part.is_running or state.is_left_alone:
                continue
            if state.due_at is None:
                self._note_end(name, part, state, now)
            elif now >= state.due_at:
                self._start_again(name, part, state, now)

    def _note_end(self, name: str, part: Part, state: _State, now: float) -> None:
        if now - state.started_at > SOUND_AFTER_SECONDS:
            state.restarts = 0
        self.tell(f"{name} ended: {part.how_it_ended()}. The end of its log:")
        self.tell(part.last_lines())
        self._plan(name, state, now)

    def _plan(self, name: str, state: _State, now: float) -> None:
        if state.restarts >= RESTARTS_MAX:
            state.is_left_alone = True
            self.tell(
                f"{name} was started again {RESTARTS_MAX} times and is left alone now. "
                "Mend the cause, then Ctrl-C and start all of it again."
            )
            return
        pause = FIRST_PAUSE_SECONDS * 2**state.restarts
        state.restarts += 1
        state.due_at = now + pause
        self.tell(f"{name} is started again in {pause:.0f} s.")

    def _start_again(self, name: str, part: Part, state: _State, now: float) -> None:
        state.due_at, state.started_at = None, now
        try:
            part.start()
        except (RuntimeError, OSError) as error:
            self.tell(f"{name} did not start: {error}")
            self._plan(name, state, now)
