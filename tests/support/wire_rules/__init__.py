"""What Ollama's server does, rule by rule, as requests and the answers to them.

The same tables are run against a gateway and printed as a page of the documentation.
"""

from __future__ import annotations

from wire_rules.answers import ANSWERS
from wire_rules.anthropic import ANTHROPIC
from wire_rules.basics import BASICS
from wire_rules.bodies import BODIES
from wire_rules.case import Case
from wire_rules.deviations import DEVIATIONS
from wire_rules.heads import HEADS
from wire_rules.management import MANAGEMENT
from wire_rules.models import MODELS
from wire_rules.names import NAMES
from wire_rules.openai import OPENAI
from wire_rules.requests import REQUESTS
from wire_rules.web import WEB
from wire_rules.words import WORDS

__all__ = ["ALL"]

ALL: tuple[Case, ...] = (
    *BASICS,
    *HEADS,
    *BODIES,
    *NAMES,
    *REQUESTS,
    *ANSWERS,
    *MODELS,
    *MANAGEMENT,
    *OPENAI,
    *ANTHROPIC,
    *WEB,
    *WORDS,
    *DEVIATIONS,
)
