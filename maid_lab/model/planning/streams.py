"""What a step with `sse` waits for."""

from __future__ import annotations

from typing import Any

from maid_lab.model import plan as out
from maid_lab.model.planning.context import PlanningError
from maid_lab.model.planning.leaves import Leaves

__all__ = ["plan_stream"]


def plan_stream(given: Any, leaves: Leaves, place: str) -> out.EventStream | None:
    """Return what `sse` asks for: nothing, or a stream with the message that ends it.

    Parameters
    ----------
    given : object
        The value of `sse`: true, or a mapping with `until` (text, or `{event, data}`) and `max`.

    Raises
    ------
    PlanningError
        After a finding, if it is something else.
    """
    context = leaves.context
    if given is None or given is False:
        return None
    options = {} if given is True else given
    if not isinstance(options, dict) or set(options) - {"until", "max"}:
        context.add("E103", "sse is true, or {until: text, max: number}", "Write sse: true.", place)
        raise PlanningError
    until = options.get("until")
    wanted = until if isinstance(until, dict) else {"data": until}
    texts = [wanted.get(key) for key in ("event", "data")]
    if set(wanted) - {"event", "data"} or not all(text is None or isinstance(text, str) for text in texts) or until == {}:
        hint = "Write until: '[DONE]', or until: {event: done}."
        context.add("E103", "until is a text that the last message holds, or {event, data}", hint, f"{place}/until")
        raise PlanningError
    limit = 0
    if options.get("max") is not None:
        limit = context.value(options["max"], int, f"{place}/max")
        if limit < 1:
            context.add("E104", f"a stream of at most {limit} messages has none", "Write 1 or more.", f"{place}/max")
            raise PlanningError
    event = str(context.value(texts[0], str, f"{place}/until/event")) if texts[0] else ""
    return out.EventStream(until=leaves.text(texts[1] or "", f"{place}/until"), until_event=event, limit=limit)
