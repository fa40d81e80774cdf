"""Answers to a category's own questions (Open311 service attributes): are they what was asked, and what is masked."""

from collections.abc import Mapping
from datetime import UTC

from services.city.model import Category
from services.receive.fields import LATEST, Fields
from services.receive.masking import masked


def check_answers(
    fields: Fields, category: Category | None, attributes: Mapping[str, list[str]], *, required: bool = True
) -> None:
    """Note in `fields` each question of `category` that lacks a required answer or has one of another kind.

    An answer to what nobody asked is no fault: it is kept. Without `required`, no answer has to be there.
    """
    for question in category.questions if category else ():
        name = f"attribute[{question.code}]"
        answers = attributes.get(question.code, [])
        if required and question.required and not answers:
            fields.fault("missing", name, f"is missing: {question.prompt}")
        if question.datatype != "multivaluelist" and len(answers) > 1:
            fields.fault("too_many", name, f"has {len(answers)} values: expected one")
        wrong = next((said for each in answers if (said := _wrong(question.datatype, question.values, each))), "")
        if wrong:
            fields.fault("bad_attribute", name, wrong)


def masked_answers(attributes: Mapping[str, list[str]], category: Category | None, region: str) -> dict[str, list[str]]:
    """Mask codes and answers, but for an answer out of the city's own list: it is the city's word."""
    listed = {question.code: question.values for question in category.questions} if category else {}
    return {
        masked(code, region): [each if each in listed.get(code, ()) else masked(each, region) for each in answers]
        for code, answers in attributes.items()
    }


def _wrong(datatype: str, values: tuple[str, ...], answer: str) -> str:
    """Say why `answer` is none to a question of `datatype`; empty if it is one."""
    probe = Fields({"answer": answer}, {}, loose=True)
    if datatype in {"singlevaluelist", "multivaluelist"} and answer not in values:
        return f"is none of the keys of the list: expected one of {', '.join(values)}"
    if datatype == "number" and probe.number("answer", -1e18, 1e18) is None:
        return "is no number: expected digits, with a decimal point if need be"
    if datatype == "datetime":
        probe.instant("answer", UTC, LATEST)
        return "is no time: expected a time as 2026-11-21T08:30:00+01:00" if probe.faults else ""
    return ""
