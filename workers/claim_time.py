"""How long before its moment a send is claimed."""

AT_MOST_SECONDS = 0.05
FORGETTING = 0.9


class ClaimTime:
    """What claims have taken lately, of all sessions of a process: what slows one down slows the next one, too.

    A row is claimed by so much before its moment, since that must not make it late; and by no more, since a row that
    is claimed is in doubt if the process dies. The first claims of a process are its slowest: it begins with the most.
    """

    def __init__(self) -> None:
        self.seconds = AT_MOST_SECONDS

    def took(self, seconds: float) -> None:
        """A claim has taken so long: more counts at once, less little by little."""
        self.seconds = min(AT_MOST_SECONDS, max(seconds, FORGETTING * self.seconds))
