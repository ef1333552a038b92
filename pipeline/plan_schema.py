"""JSON schemas of what planners write, for servers that can hold a model to one; parsing never relies on them."""

from typing import Any

_TEXT = {"type": "string", "minLength": 1}

PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "strategy": _TEXT,
        "steps": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "goal": _TEXT,
                    "how": {"type": "string"},
                    "depends_on": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                },
                "required": ["goal", "how", "depends_on"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["strategy", "steps"],
    "additionalProperties": False,
}
"""A plan; `depends_on` numbers steps from 1, in their order."""

STRATEGIES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"strategies": {"type": "array", "minItems": 1, "items": _TEXT}},
    "required": ["strategies"],
    "additionalProperties": False,
}
"""A list of strategies."""
