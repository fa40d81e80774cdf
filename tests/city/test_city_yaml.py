from pathlib import Path

import pytest
from small_town import faults, write_town

from services.city.load import examine


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty; expected keys and values; compare the city that Stormdrain ships"),
        ("# soon\n", "the file is empty; expected keys and values; compare the city that Stormdrain ships"),
        ("- a\n", "saw a list; expected keys and values, as in `name: Port Alder`"),
        ("mode: x\0\n", "control character 0x00; expected text; delete it, or save the file again as plain UTF-8 text"),
        (b"mode: \xe9\n", "byte 0xe9; expected UTF-8 text; save the file as UTF-8"),
        (
            "\tmode: copilot\n",
            "not YAML (found character that cannot start any token); expected YAML; indent with spaces, not tabs",
        ),
        (
            "mode: 'copilot\n",
            "not YAML (found unexpected end of stream); expected YAML; look at this line and the one before it",
        ),
        ("[" * 5000, "more than 12 levels inside each other; expected plain keys, values and lists"),
        (
            "mode: copilot\n---\nmode: copilot\n",
            "a second document (`---`); expected one document; make it a file of its own",
        ),
        (
            "mode: !!python/name:os.system copilot\n",
            "tag tag:yaml.org,2002:python/name:os.system; expected a value without a tag; delete the tag",
        ),
        ("? [a]\n: 1\n", "a list as a key; expected a word"),
    ],
)
def test_hostile_or_broken_yaml_is_a_fault_with_a_line(tmp_path: Path, content: str | bytes, expected: str) -> None:
    write_town(tmp_path, policy=content)
    (fault,) = examine(tmp_path).faults
    assert fault.line in (1, 2, 3)
    assert str(fault) == f"policy.yaml:{fault.line}: {expected}"


def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path) -> None:
    bomb = ["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    write_town(tmp_path, policy="\n".join(bomb))
    found = faults(tmp_path)
    assert found[0] == (
        "policy.yaml:1: a0: unknown key; keys are mode, categories, target_precision, min_confidence, hold_outside, "
        "hold_without_place, hold_beyond_m, release_life_safety and 2 more"
    )
    assert "policy.yaml:2: alias *a0; expected the value itself; write it out; aliases are not read" in found


def test_a_file_of_gigabytes_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.city.document.MAX_BYTES", 10)
    write_town(tmp_path, policy="mode: supervised\n")
    assert "policy.yaml:1: 17 bytes; expected at most 10; keep data elsewhere" in faults(tmp_path)
