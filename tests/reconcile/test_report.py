"""The JSON report: its shape is a contract, and a schema that ships holds it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reconcile
import worlds
from examples import AT, ENTRY, GONE, NAME, OWN, PID, SESSION, SOCKET, WORLD, listing, planned
from reconcile import report
from reconcile.desired import Entry
from reconcile.drift import DriftClass, LeftOut, NoticeKind
from reconcile.memory import Health
from reconcile.observed import Missing, SessionName, World
from reconcile.plan import Action, Plan
from reconcile.report import Json, Report, Source, SourceState
from worlds import Scene

OTHER = SessionName("lab-a-creator-claude")
"""Before the usual name."""
SCHEMA = json.loads((Path(reconcile.__file__).parent / "report.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SOURCES = {
    "tmux": Source(state=SourceState.OK, facts={"sessions": 12}),
    "registry": Source(state=SourceState.OK, facts={"entries": 11, "path": "/r.yaml"}),
    "agy": Source(state=SourceState.ABSENT),
    "claude": Source(state=SourceState.UNKNOWN, why="cannot read ~/.claude"),
}


def told(plan: Plan, *, dry_run: bool = False) -> Report:
    return Report(
        at=AT,
        dry_run=dry_run,
        duration_ms=14.2499,
        host="mill",
        boot_id="boot-1",
        sources=SOURCES,
        decisions=plan.settled(dry_run=dry_run).decisions,
        notes=plan.notes,
        registry_written=bool(plan.edits) and not dry_run,
    )


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_whole_report_looks_like_this() -> None:
    plan = planned(GONE, ENTRY)

    assert report.as_json(told(plan)) == {
        "schema_version": 1,
        "tick": {
            "at": "2026-11-20T10:00:00Z",
            "dry_run": False,
            "duration_ms": 14.2,
            "host": "mill",
            "boot_id": "boot-1",
        },
        "sources": {
            "tmux": {"state": "ok", "sessions": 12},
            "registry": {"state": "ok", "entries": 11, "path": "/r.yaml"},
            "agy": {"state": "absent"},
            "claude": {"state": "unknown", "why": "cannot read ~/.claude"},
        },
        "drifts": [
            {
                "id": plan.decisions[0].drift.id,
                "class": "A",
                "session": NAME,
                "workspace": "~/lab/x",
                "agent": "claude",
                "action": "updated",
                "new": True,
                "acknowledged": False,
                "since": "2026-11-20T10:00:00Z",
                "message": "lab-x-creator-claude: tmux gone (was pane 201132, cmd claude). "
                "Marked terminated.",
                "changes": [
                    {"key": "status", "before": "running", "after": "terminated"},
                    {
                        "key": "terminated_at",
                        "before": None,
                        "after": "2026-11-20T10:00:00+00:00",
                    },
                    {"key": "termination_mode", "before": None, "after": "auto-detected"},
                    {"key": "termination_cause", "before": None, "after": "session-closed"},
                ],
                "evidence": {
                    "cause": "session-closed",
                    "tmux /tmp/tmux-1000/default": "pid 812 since 2026-11-19T09:00:00+00:00",
                    "pid_gone": PID,
                },
            }
        ],
        "notices": [],
        "left_out": [],
        "registry_written": True,
    }


def test_a_notice_looks_like_this() -> None:
    plan = planned(WORLD, replace(ENTRY, pane_pid=7, workspace=None))

    assert report.as_json(told(plan))["notices"] == [
        {
            "id": plan.notes[0].notice.id,
            "kind": "identity-changed",
            "session": NAME,
            "new": True,
            "acknowledged": False,
            "since": "2026-11-20T10:00:00Z",
            "message": "lab-x-creator-claude: not the session that was registered: "
            f"pane process was 7, is {PID}",
        }
    ]


def test_what_is_nested_stays_nested() -> None:
    drift = only(report.as_json(told(planned(WORLD)))["drifts"])

    pane = {"pid": PID, "cmd": "claude", "cwd": "/home/u/lab/x"}
    assert {"key": "pane", "before": None, "after": pane} in drift["changes"]


def only(value: Json) -> dict[str, Json]:
    assert isinstance(value, list)
    (item,) = value
    assert isinstance(item, dict)
    return item


@pytest.mark.parametrize(
    ("world", "entry", "dry_run", "message"),
    [
        pytest.param(
            WORLD,
            None,
            False,
            "lab-x-creator-claude: tmux found but not in YAML. Auto-registered.",
            id="updated",
        ),
        pytest.param(
            WORLD,
            replace(ENTRY, own_id=None),
            False,
            "lab-x-creator-claude: session id materialized 87dc…000",
            id="updated, and the drift says it all",
        ),
        pytest.param(
            GONE,
            ENTRY,
            True,
            "lab-x-creator-claude: tmux gone (was pane 201132, cmd claude). Not written: dry run.",
            id="planned",
        ),
        pytest.param(
            GONE,
            replace(ENTRY, fresh=True),
            False,
            "lab-x-creator-claude: tmux gone (was pane 201132, cmd claude). Held: "
            "a person edited this entry moments ago; looking again at the next tick.",
            id="held",
        ),
        pytest.param(
            replace(WORLD, artefacts={("claude", OWN): Missing("retention")}, conversations={}),
            ENTRY,
            False,
            f"lab-x-creator-claude: recorded id {OWN} has no transcript (retention)",
            id="flagged",
        ),
    ],
)
def test_the_message_ends_in_what_came_of_the_drift_when_it_is(
    world: World,
    entry: Entry | None,
    dry_run: bool,  # noqa: FBT001
    message: str,
) -> None:
    plan = planned(world, *([entry] if entry else []))

    drift = only(report.as_json(told(plan, dry_run=dry_run))["drifts"])

    assert drift["message"] == message
    assert ("why" in drift) == (drift["action"] == "held")


def test_times_are_told_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    local = replace(told(planned(WORLD, ENTRY)), at=AT.astimezone(tokyo))

    assert local.at.hour == 19
    assert report.as_json(local) == report.as_json(replace(local, at=AT))


@pytest.mark.usefixtures("abroad")
def test_times_are_told_in_utc_whatever_the_machine_s_own_zone() -> None:
    assert report.as_json(told(planned(WORLD, ENTRY)))["tick"] == {
        "at": "2026-11-20T10:00:00Z",
        "dry_run": False,
        "duration_ms": 14.2,
        "host": "mill",
        "boot_id": "boot-1",
    }


SEEING = {name: SOURCES[name] for name in ("tmux", "registry", "agy")}


def test_a_report_is_blind_when_one_source_is_unknown() -> None:
    whole = told(planned(WORLD, ENTRY))

    assert whole.blind
    assert not replace(whole, sources=SEEING).blind


def test_a_report_is_blind_when_one_session_cannot_be_seen() -> None:
    hidden = replace(WORLD, inside={})
    other = replace(ENTRY, pane_pid=7)

    assert replace(told(planned(hidden, ENTRY)), sources=SEEING).blind
    assert not replace(told(planned(WORLD, other)), sources=SEEING).blind


class TestHealth:
    """How a source has been: what it is now, since when, and its last trouble."""

    GOOD, BAD = Source(state=SourceState.OK), Source(state=SourceState.UNKNOWN, why="it hangs")

    def course(self, *sources: Source) -> Health:
        """The health after these looks, a minute apart."""
        found: Mapping[str, Health] = {}
        for minute, source in enumerate(sources):
            found = report.health({"tmux": source}, found, AT + timedelta(minutes=minute))
        return found["tmux"]

    def test_a_state_is_as_old_as_its_first_look(self) -> None:
        assert self.course(self.GOOD, self.GOOD) == Health(state="ok", since=AT)

    def test_trouble_is_as_old_as_its_beginning(self) -> None:
        minute = AT + timedelta(minutes=1)
        blind = Health(state="unknown", since=minute, error="it hangs", error_at=minute)
        assert self.course(self.GOOD, self.BAD, self.BAD) == blind

    def test_the_last_trouble_is_remembered_when_it_is_over(self) -> None:
        found = self.course(self.BAD, self.GOOD, self.GOOD)
        assert (found.state, found.since) == ("ok", AT + timedelta(minutes=1))
        assert (found.error, found.error_at) == ("it hangs", AT)

    def test_another_trouble_takes_its_place(self) -> None:
        other = replace(self.BAD, why="it is locked")
        found = self.course(self.BAD, other)
        assert (found.since, found.error) == (AT, "it is locked")
        assert found.error_at == AT + timedelta(minutes=1)

    def test_the_report_tells_it(self) -> None:
        found = report.health({"claude": self.BAD}, {}, AT)
        whole = replace(told(planned(WORLD, ENTRY)), sources={"claude": self.BAD}, health=found)
        shown = report.as_json(whole)
        VALIDATOR.validate(shown)
        assert shown["sources"] == {
            "claude": {
                "state": "unknown",
                "why": "it hangs",
                "since": "2026-11-20T10:00:00Z",
                "last_error": {"why": "it hangs", "at": "2026-11-20T10:00:00Z"},
            }
        }

    def test_a_source_that_was_always_well_has_no_last_trouble(self) -> None:
        found = report.health({"tmux": self.GOOD}, {}, AT)
        whole = replace(told(planned(WORLD, ENTRY)), sources={"tmux": self.GOOD}, health=found)
        assert report.as_json(whole)["sources"] == {
            "tmux": {"state": "ok", "since": "2026-11-20T10:00:00Z"}
        }


@settings(max_examples=60)
@given(scene=worlds.scenes(), dry_run=st.booleans())
def test_every_report_is_valid_and_survives_being_printed(scene: Scene, dry_run: bool) -> None:  # noqa: FBT001
    told_now = report.as_json(told(scene.tick(), dry_run=dry_run))

    VALIDATOR.validate(told_now)
    assert json.loads(json.dumps(told_now)) == told_now


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("schema_version",), 2, id="another version"),
        pytest.param(("sources", "tmux", "state"), "fine", id="a state that is none"),
        pytest.param(("sources", "tmux", "state"), "unknown", id="unknown, and no reason"),
        pytest.param(("drifts", 0, "class"), "E", id="a class that is none"),
        pytest.param(("drifts", 0, "action"), "done", id="an action that is none"),
        pytest.param(("drifts", 0, "action"), "held", id="held, and no reason"),
        pytest.param(("drifts", 0, "id"), "A-xyz", id="an id that is none"),
        pytest.param(("drifts", 0, "since"), "yesterday", id="a time that is none"),
        pytest.param(("drifts", 0, "message"), "", id="an empty message"),
        pytest.param(("registry_written",), "yes", id="a word for a truth value"),
    ],
)
def test_the_schema_refuses(path: tuple[str | int, ...], value: Json) -> None:
    wrong = json.loads(json.dumps(report.as_json(told(planned(GONE, ENTRY)))))
    *parents, last = path
    place = wrong
    for parent in parents:
        place = place[parent]

    place[last] = value

    assert not VALIDATOR.is_valid(wrong)


def test_the_schema_allows_keys_that_later_releases_add() -> None:
    later = json.loads(json.dumps(report.as_json(told(planned(GONE, ENTRY)))))
    for place in (later, later["tick"], later["sources"]["tmux"], later["drifts"][0]):
        place["added"] = [1]

    VALIDATOR.validate(later)


@pytest.mark.parametrize(
    ("enum", "closed"), [(DriftClass, "class"), (Action, "action")], ids=["classes", "actions"]
)
def test_the_schema_names_all_of_the(enum: type[DriftClass | Action], closed: str) -> None:
    assert SCHEMA["$defs"]["drift"]["properties"][closed]["enum"] == [each.value for each in enum]


def test_the_schema_names_all_states_and_describes_all_kinds_of_notice() -> None:
    kinds = SCHEMA["$defs"]["notice"]["properties"]["kind"]["description"]

    assert SCHEMA["$defs"]["source"]["properties"]["state"]["enum"] == [*SourceState]
    assert all(f"`{kind}`" in kinds for kind in NoticeKind)


# Several looks of one run. ----------------------------------------------------------------------


def looks(*plans: Plan) -> Report:
    """What a run has to say that decided so, one look after the other."""
    reports = [replace(told(each), at=AT + timedelta(seconds=n)) for n, each in enumerate(plans)]
    return functools.reduce(report.joined, reports)


def outcome(found: Report) -> list[tuple[str, Action, bool]]:
    return [(each.drift.session, each.action, each.new) for each in found.decisions]


def seen_again(plan: Plan) -> Plan:
    """The same decisions once they are known."""
    return replace(
        plan,
        decisions=tuple(replace(each, new=False) for each in plan.decisions),
        notes=tuple(replace(each, new=False) for each in plan.notes),
    )


HELD = planned(GONE, replace(ENTRY, fresh=True))
WRITTEN = planned(GONE, ENTRY)
REGISTERED = planned(replace(WORLD, tmux={SOCKET: listing(replace(SESSION, name=OTHER))}))
NOTHING = replace(WRITTEN, decisions=())


def test_what_was_held_and_is_written_later_is_new_in_the_run_that_found_it() -> None:
    assert outcome(looks(HELD, seen_again(WRITTEN))) == [(NAME, Action.UPDATED, True)]
    assert outcome(looks(seen_again(HELD), seen_again(WRITTEN))) == [(NAME, Action.UPDATED, False)]


def test_what_an_earlier_look_wrote_is_told_and_what_it_held_is_not() -> None:
    assert outcome(looks(WRITTEN, NOTHING)) == [(NAME, Action.UPDATED, True)]
    assert outcome(looks(HELD, NOTHING)) == []


def test_what_is_found_again_is_told_as_it_was_found_last() -> None:
    assert outcome(looks(WRITTEN, HELD)) == [(NAME, Action.HELD, True)]


@pytest.mark.parametrize("order", [(REGISTERED, WRITTEN), (WRITTEN, REGISTERED)])
def test_the_drifts_of_all_looks_are_in_the_order_of_a_report(order: tuple[Plan, Plan]) -> None:
    assert [session for session, _, _ in outcome(looks(*order))] == [OTHER, NAME]


def test_notices_are_those_of_the_last_look() -> None:
    noticed = planned(WORLD, replace(ENTRY, pane_pid=7, workspace=None))

    assert looks(noticed, NOTHING).notes == ()
    assert [each.new for each in looks(NOTHING, noticed).notes] == [True]
    assert [each.new for each in looks(noticed, seen_again(noticed)).notes] == [True]
    assert [each.new for each in looks(seen_again(noticed), seen_again(noticed)).notes] == [False]


@pytest.mark.parametrize(
    ("plans", "written"),
    [((HELD, HELD), False), ((WRITTEN, NOTHING), True), ((HELD, WRITTEN), True)],
)
def test_a_run_wrote_if_any_of_its_looks_did(plans: tuple[Plan, Plan], written: bool) -> None:  # noqa: FBT001
    assert looks(*plans).registry_written is written


def test_a_run_has_the_time_of_its_last_look_and_the_duration_of_all() -> None:
    found = looks(HELD, HELD, HELD)

    assert found.at == AT + timedelta(seconds=2)
    assert found.duration_ms == pytest.approx(3 * 14.2499)
    VALIDATOR.validate(report.as_json(found))


def test_agents_that_were_left_out_are_data() -> None:
    left = LeftOut(session=NAME, agent="claude", socket=SOCKET)

    found = report.as_json(replace(told(NOTHING), left_out=(left,)))

    assert found["left_out"] == [{"session": NAME, "agent": "claude", "socket": SOCKET}]
    VALIDATOR.validate(found)
