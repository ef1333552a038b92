"""Settings of annotation: how much people are asked, by which guidelines, and on which server."""

from schemas.settings import Settings, mutable


class Annotate(Settings):
    """What people are asked about plans, and where.

    The address and the key come from `ARGILLA_API_URL` and `ARGILLA_API_KEY` where these are set, else from `accounts`,
    which `coldstart annotate serve` writes.
    """

    records: int = mutable(0, "Most records that people are asked about; 0: nobody is asked.", ge=0, le=100_000)
    min_submitted: int = mutable(2, "People who answer each record.", ge=1, le=20)
    random_share: float = mutable(0.1, "Share of the records that is drawn at random, as a control.", ge=0, le=1)
    gold: str = mutable("", "File of plans with known answers, in the `data` folder; empty: none.")
    gold_share: float = mutable(0.05, "Most records with known answers, as a share of all.", ge=0, le=1)
    candidates: int = mutable(4, "Most plans of a prompt that are ranked side by side; 1: none are.", ge=1, le=4)
    suggestions: bool = mutable(
        False, "Fill in the verdict that the results suggest. Off: what is filled in is often submitted untouched."
    )
    guidelines: str = mutable(
        "plans-1", "Guidelines: a file in `annotation/guidelines`, or a path with a slash to your own."
    )
    min_agreement: float = mutable(
        0.667, "Krippendorff's alpha of the verdicts below which annotation is not called done.", ge=-1, le=1
    )
    workspace: str = mutable("annotation", "The annotators' workspace on the server.", min_length=1)
    adjudication_workspace: str = mutable("adjudication", "The adjudicator's workspace.", min_length=1)
    model_accounts: list[str] = mutable(
        [], "Names of accounts that models answer through: their answers never count as a person's."
    )
    dataset: str = mutable("", "Name of the data set on the server; empty: the recipe's name.")
    accounts: str = mutable("data/annotation/accounts.json", "File of accounts that a local server wrote.")
