"""What was done with a text: posted, commented, liked, shared, followed."""

from __future__ import annotations

from enum import StrEnum

from netral_nlp.errors import InputError


class Action(StrEnum):
    """What the author did with a text."""

    POST = "post"
    COMMENT = "comment"
    LIKE = "like"
    SHARE = "share"
    FOLLOW = "follow"

    @property
    def wordless(self) -> bool:
        """Whether the act can do without words of its own: it is then judged on the text it was done to."""
        return self in (Action.LIKE, Action.SHARE, Action.FOLLOW)

    @classmethod
    def parse(cls, value: object) -> Action | None:
        """Read an action from its English or Indonesian name, whatever the case; None and blank mean not known.

        Raises:
            InputError: the name is none that we know.
        """
        if value is None:
            return None
        name = str(value).strip().lower()
        if not name or name in ("nan", "none", "null", "<na>"):
            return None
        action = _NAMES.get(name)
        if action is None:
            known = ", ".join(f"{item.value} ({', '.join(_INDONESIAN[item])})" for item in cls)
            raise InputError(f"unknown action {name[:40]!r}; the actions are {known}")
        return action


_INDONESIAN: dict[Action, tuple[str, ...]] = {
    Action.POST: ("posting", "unggah", "unggahan"),
    Action.COMMENT: ("komentar", "komen"),
    Action.LIKE: ("suka",),
    Action.SHARE: ("bagikan", "retweet"),
    Action.FOLLOW: ("ikuti",),
}
_NAMES = {action.value: action for action in Action} | {
    name: action for action, names in _INDONESIAN.items() for name in names
}
