"""Read the steps that one line of a response names: PDDL forms, calls, or an action and its objects in plain words."""

import re
from collections.abc import Mapping

from pipeline.pddl.problem import Problem, Step

PRONOUN = "it"
"""What stands in a step for an object that the step before it does not tell."""

_LEAD_IN = re.compile(
    r"""(?:\s|[-+•–—>,:"'{\[\]$]|[●▪‣◦·∙○■]|\d+\.\d+:|[a-z][.)]\s|[ivx]{1,4}[.)]\s|x\]
    |(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)(?:ly)?\b
    |(?:next|then|now|after\ that|finally|lastly|and|action|step)\b)*""",
    re.IGNORECASE | re.VERBOSE,
)
_JOINT = re.compile(r"(?:[,;.]|[-=]>|→|⇒|\band|\bthen)\s*(?:and\s+|then\s+)*(?:\(?\d{1,3}[.):]+\s*)?$", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"\(?\b\d{1,3}[.):]+\s*$")
_BETWEEN_FORMS = re.compile(
    r"[\W\d]*(?:(?:(?:and|then|next|finally|step)\b|(?<=\\)n|(?<=<)br\b)[\W\d]*)*", re.IGNORECASE
)
_OR_FORM = re.compile(r"\)[\s,]*(?:\bor\b|/)[\s\w]*\(\s*(?:or\b)?", re.IGNORECASE)
_WORDS_BETWEEN = frozenset(("on", "onto", "top", "of", "the", "from", "to", "at", "in", "into", "with", "and"))
_NO_OBJECTS = _WORDS_BETWEEN | {PRONOUN}
_ASIDE = re.compile(r"[(:\[—–]|\s-\s|\b(?:because|since|so|as|which|while|where)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|cannot|unnecessary|impossible)\b|n['’]t\b", re.IGNORECASE)
_COMMAND = re.compile(r"(?![a-z]+ing\b)[a-z]+(?![\w'’])", re.IGNORECASE)
_NO_COMMANDS = frozenset(
    """the a an this that these there it its we i you he she they my our your all both each no not is are if as at in on
    with by for to from of or but since because so thus hence therefore when once while after before during initially
    initial final goal result state note here where which who what why how currently repeat done end start ensure check
    verify confirm make notice observe remember assume consider wait""".split()  # noqa: SIM905 - shorter than a list
)
"""Words that begin a remark."""

_IT = re.compile(
    r"(?P<first>^\s*)it\b|\b(?:on|onto|top\s+of|from|to|into?|at)\s+it\b(?!\s+(?:is|was|has))", re.IGNORECASE
)
_FORM = re.compile(r"\(\s*([a-z][\w-]*)((?:[\s,]+[\w-]+)*)\s*\)", re.IGNORECASE)
_ARGUMENTS = re.compile(r"\s*\(([^()]*)\)")


class Reader:
    """Reads steps of one problem. `names` gives objects plain names, such as a = "red block"."""

    def __init__(self, problem: Problem, names: Mapping[str, str]) -> None:
        self.objects = frozenset(problem.objects)
        self.predicates = problem.predicates
        self.arity = {name: len(action.parameters) for name, action in problem.actions.items()}
        self.mentions = _spoken(names) if names else _formal(problem)
        self._mention = _any_of(self.mentions)
        self._actions = sorted(self.arity, key=len, reverse=True)
        verbs = "|".join(f"({_verb(name, self._mention.pattern)})" for name in self._actions)
        self._verb = re.compile(verbs or r"(?!)", re.IGNORECASE)

    def steps(self, line: str, last: Step = ()) -> list[Step]:
        """The steps that a line (without its number) names; empty where it is prose. `last` is the step before it."""
        start = _LEAD_IN.match(line).end()  # type: ignore[union-attr]
        if line.startswith("(", start) and (forms := self.forms(line[start:])):
            return forms
        verbs = list(self._verb.finditer(line, start))
        if not verbs or verbs[0].start() != start:
            return []
        verbs = [verbs[0], *(verb for verb in verbs[1:] if _goes_on(line[start : verb.start()]))]
        ends = [verb.start() for verb in verbs[1:]] + [len(line)]
        found: list[Step | None] = []
        for verb, end in zip(verbs, ends, strict=True):
            found.append(self._step(verb, line[verb.end() : end], (found[-1] if found else last) or ()))
        further = [step for step in found[1:] if step and len(step) == self.arity[step[0]] + 1]
        return [found[0], *further] if found[0] else []

    def is_unknown_step(self, line: str) -> bool:
        """Whether a line that is no step may be one in other words: a command about an object (`Place a on b`)."""
        word = _COMMAND.match(line, _LEAD_IN.match(line).end())  # type: ignore[union-attr]
        is_command = word is not None and word[0].lower() not in _NO_COMMANDS and not line.rstrip().endswith(":")
        return is_command and bool(self._mention.search(line)) and not _DENIED.search(line)

    def is_unread_action(self, line: str) -> bool:
        """Whether a line that yields no step starts with an action all the same: `Stack it on block c`."""
        starts = self._verb.match(line, _LEAD_IN.match(line).end())  # type: ignore[union-attr]
        return bool(starts) and not line.rstrip().endswith(":") and not _DENIED.search(line)

    def is_choice(self, line: str) -> bool:
        """Whether a line leaves open which step is meant: `(put-down a) or (stack a b)`."""
        return bool(_OR_FORM.search(line)) and len(self.forms(_OR_FORM.sub(") (", line).strip())) > 1

    def forms(self, text: str) -> list[Step]:
        """Steps written in PDDL, `(stack a b)`, up to the first word that is none of theirs.

        An action that does not exist counts if its arguments do, but a fact such as `(holding a)` is no step.
        """
        steps: list[Step] = []
        place = 0
        for form in _FORM.finditer(text):
            if not _BETWEEN_FORMS.fullmatch(text, place, form.start()):
                break
            step = (form[1].lower(), *re.findall(r"[\w-]+", form[2].lower()))
            is_named = len(step) > 1 and step[0] not in self.predicates and self.objects.issuperset(step[1:])
            steps += [step] if step[0] in self.arity or is_named else []
            place = form.end()
        return steps

    def _step(self, verb: re.Match[str], rest: str, last: Step) -> Step | None:
        """One step: the objects named before any aside. None where the line denies it or names no object."""
        action = self._actions[(verb.lastindex or 1) - 1]
        if call := _ARGUMENTS.match(rest):
            words = call[1]
        else:
            aside = _ASIDE.search(rest)
            words = _LAST_NUMBER.sub("", rest[: aside.start()] if aside else rest)
        if _DENIED.search(words):
            return None
        named = [self.mentions[plain_name(mention[0])] for mention in self._mention.finditer(words)]
        if not named:
            ids = [word for word in re.findall(r"[\w-]+", words.lower()) if word not in _NO_OBJECTS]
            named = ids if self.objects.issuperset(ids) else []
        if len(named) == self.arity[action] - 1 and (it := _IT.search(words)):
            named.insert(0 if it["first"] is not None else len(named), last[1] if len(last) == 2 else PRONOUN)
        named = named[: self.arity[action]] + [
            name for name in named[self.arity[action] :] if name not in named[: self.arity[action]]
        ]
        return (action, *named) if named or not self.arity[action] else None


def _goes_on(before: str) -> bool:
    """Whether a line that has said `before` goes on with another step rather than an aside."""
    return bool(_JOINT.search(before)) and not _ASIDE.search(_ARGUMENTS.sub("", before))


def plain_name(name: str) -> str:
    """A name as names are compared: `Red-Block` is `red block`."""
    return " ".join(re.split(r"[\s_-]+", name.lower()))


def _spoken(names: Mapping[str, str]) -> dict[str, str]:
    """Mentions of objects with plain names: the full name, or the one word of it that no other name has."""
    full = {plain_name(name): key for key, name in names.items()}
    words = [word for name in full for word in set(name.split())]
    return {word: key for name, key in full.items() for word in name.split() if words.count(word) == 1} | full


def _formal(problem: Problem) -> dict[str, str]:
    """Mentions of objects that have only their PDDL names; `red-block` may be written `red block`."""
    return {plain_name(name): name for name in problem.objects}


def _any_of(mentions: Mapping[str, str]) -> re.Pattern[str]:
    texts = sorted(mentions, key=len, reverse=True)
    joined = "|".join(r"[\s_-]+".join(map(re.escape, text.split())) for text in texts) or r"(?!)"
    return re.compile(rf"(?<![\w-])(?:{joined})(?![\w-])", re.IGNORECASE)


def _verb(action: str, mention: str) -> str:
    """A pattern for an action's name: `pick-up` also matches `Pick up`, `pickup` and `pick the red block up`."""
    words = [re.escape(word) for word in re.split(r"[-_]", action) if word]
    whole = r"(?<![\w-])" + r"[-_\s]*".join(words) + r"(?![\w-])"
    apart = rf"(?<![\w-]){words[0]}(?=\s+(?:(?:the\s+)?{mention}|it)\s+{words[-1]}(?![\w-]))"
    return f"{whole}|{apart}" if len(words) == 2 else whole
