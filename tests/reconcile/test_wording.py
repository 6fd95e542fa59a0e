"""What may be said on a card: no secrets, nothing that a board acts upon, one line."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import wording

# Made up here, and in parts, so that no scanner of this repository takes one for real.
A10, A20, A40 = "Ab3" + "x" * 7, "Ab3" + "x" * 17, "Ab3" + "x" * 37
JWT = "eyJ" + "hbGciOiJI" + A40 + "." + "eyJ" + "zdWIiOiIx" + "." + A20

TOKENS = {
    "Anthropic": "sk-" + "ant-api03-" + A20 + "-_" + A10,
    "OpenAI": "sk-" + A40,
    "OpenAI, of a project": "sk-" + "proj-" + A40,
    "OpenRouter": "sk-" + "or-v1-" + A40,
    "Stripe": "sk_" + "live_" + A20,
    "GitHub, personal": "ghp" + "_" + A20,
    "GitHub, OAuth": "gho" + "_" + A20,
    "GitHub, of a server": "ghs" + "_" + A20,
    "GitHub, fine-grained": "github" + "_pat_" + A20 + "_" + A40,
    "GitLab": "glpat" + "-" + A20,
    "Slack, bot": "xox" + "b-123456-" + A10,
    "Slack, person": "xox" + "p-123456-" + A10,
    "Slack, app": "xapp" + "-1-" + A20,
    "AWS": "AKIA" + "ABCDEFGH12345678",
    "AWS, temporary": "ASIA" + "ABCDEFGH12345678",
    "Google": "AIza" + A40,
    "Google, OAuth": "ya29" + "." + A40,
    "Hugging Face": "hf" + "_" + A20,
    "npm": "npm" + "_" + A40,
    "PyPI": "pypi" + "-" + A40,
    "Groq": "gsk" + "_" + A40,
    "JSON web token": JWT,
    "JSON web token without signature": JWT.rpartition(".")[0] + ".",
}
token = pytest.mark.parametrize("secret", [pytest.param(s, id=i) for i, s in TOKENS.items()])


@token
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "in {}.",
        "/home/u/{}/x",
        "run --with={} it",
        "'{}'",
        "https://{}@example.org/x",
        "-u-{}",
    ],
)
def test_a_token_of_a_known_shape_is_hidden_wherever_it_stands(secret: str, around: str) -> None:
    assert wording.redact(around.format(secret)) == around.format("***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tool --token abc next", "tool --token *** next"),
        ("tool --token=abc next", "tool --token=*** next"),
        ("tool --api-key abc", "tool --api-key ***"),
        ("tool --api_key=abc", "tool --api_key=***"),
        ("tool --password abc", "tool --password ***"),
        ("tool --password 'a b' next", "tool --password *** next"),
        ('tool --password "a b" next', "tool --password *** next"),
        ('tool --password "a b', "tool --password ***"),
        ("tool --secret-key abc", "tool --secret-key ***"),
        ("tool --github-token abc", "tool --github-token ***"),
        ("java -password abc", "java -password ***"),
        ("API_KEY=abc run", "API_KEY=*** run"),
        ("ANTHROPIC_API_KEY=abc", "ANTHROPIC_API_KEY=***"),
        ("PASSWORD='a b' run", "PASSWORD=*** run"),
        ("PASSWORD='a b'c run", "PASSWORD=*** run"),
        ("PGPASSWORD=abc", "PGPASSWORD=***"),
        ("MYSQL_PWD=abc", "MYSQL_PWD=***"),
        ("DB_PASS=abc", "DB_PASS=***"),
        ("SECRET=abc", "SECRET=***"),
        ("AWS_SECRET_ACCESS_KEY=a/b+c", "AWS_SECRET_ACCESS_KEY=***"),
        ("CLAUDE_CODE_OAUTH_TOKEN=abc", "CLAUDE_CODE_OAUTH_TOKEN=***"),
        ("API_KEY_2=abc", "API_KEY_2=***"),
        ("API_KEY2=abc", "API_KEY2=***"),
        ("token = abc", "token = ***"),
        ("https://example.org/?token=abc", "https://example.org/?token=***"),
        ('{"password": "a b", "x": 1}', '{"password": *** "x": 1}'),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("Authorization: Basic dTpw", "Authorization: Basic ***"),
        ("Authorization: a1b2", "Authorization: ***"),
        ("curl -H 'X-Api-Key: a1b2' x", "curl -H 'X-Api-Key: *** x"),
        (f"the bearer {A20}", "the bearer ***"),
        ("https://u:p@example.org/x", "https://u:***@example.org/x"),
        ("https://:p@example.org/x", "https://:***@example.org/x"),
        ("postgres://u:p@ss@db:5432/x", "postgres://u:***@db:5432/x"),
        (
            "a -----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY----- b",
            "a *** b",
        ),
        ("-----BEGIN PRIVATE KEY-----\nabc", "***"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc", "***"),
        (f"/home/é/{TOKENS['npm']}/ü", "/home/é/***/ü"),
    ],
    ids=lambda value: value.replace("\n", " "),
)
def test_a_secret_is_hidden_and_its_name_stays(text: str, shown: str) -> None:
    assert wording.redact(text) == shown


ORDINARY = [
    "lab-api-creator-claude: tmux session gone. Marked terminated (pane-killed (9)).",
    "[A-3f2a91c4] lab-x-creator-agy: session id materialized b3a7d1e2… (was 87dc548e…)",
    "87dc548e-0000-4000-8000-000000000000",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "pane %1 of $3:@4 in /tmp/tmux-1000/default, pid 201132",
    "/home/u/.claude/projects/-home-u-lab-x/87dc548e-0000-4000-8000-000000000000.jsonl",
    "/home/u/.codex/sessions/2026/11/20/rollout-2026-11-20T10-00-00-0198.jsonl",
    "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js",
    "2026-11-20T17:45:12Z, 2026-11-20 17:45:12 +0100",
    "stop-requested by ann at 2026-11-20T17:45:12Z",
    "5 of 14 running sessions ended together; believed when it is still so 10 s later",
    "http://127.0.0.1:9119/api: connection refused",
    "ssh://git@example.org/x.git, u@host:/srv",
    "https://github.com/o/r/issues/12, https://github.com/o/r/pulls, github.com/o/r/pull/12",
    "sk-lab-api-creator-claude, sk-lab2-creator-claude, task-creator-claude, hf_lab-creator-agy",
    "desk-0123456789abcdef0123, npm_config_registry, xoxo-lab-creator-claude",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS=64000 PWD=/home/u SECRETARY=x TOKEN= x --max-tokens 5",
    "mkdir -p /srv/x; tool --token-file /srv/token --password-stdin --token --verbose",
    "cannot read the token: permission denied; authorization: denied; bearer authentication",
    "the api-key is missing, a secret is not set",
    "a == b, token==x, bypass=1, ![x], f(x), [x] (y), <x>, `x`, **x**, # x, 日本語, naïve, 🛑",
]
ordinary = pytest.mark.parametrize("text", ORDINARY)


@ordinary
def test_what_is_said_otherwise_passes_unchanged(text: str) -> None:
    assert wording.redact(text) == text
    assert wording.defang(text) == text
    assert wording.one_line(text, 500) == text
    assert wording.safe(text, 500) == text


@ordinary
def test_and_passes_unchanged_beside_a_secret(text: str) -> None:
    assert wording.redact(f"{text} | {A10} {TOKENS['AWS']}") == f"{text} | {A10} ***"


# What upsets the board. -------------------------------------------------------------------------

RESPAWN_GUARD = re.compile(r"https?://github\.com/[^/\s]+/[^/\s]+/pull/\d+", re.IGNORECASE)
"""`_RESPAWN_GUARD_PR_URL_RE` of Hermes Agent 0.19.0."""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://github.com/o/r/pull/12", "hxxps://github.com/o/r/pull/12"),
        ("http://github.com/o/r/pull/1", "hxxp://github.com/o/r/pull/1"),
        ("HTTPS://GitHub.com/o/r/PULL/12", "hxxpS://GitHub.com/o/r/PULL/12"),
        ("http\u017f://github.com/o/r/pull/12", "hxxp\u017f://github.com/o/r/pull/12"),
        ("https://github.com/o/r/pull/\u0663", "hxxps://github.com/o/r/pull/\u0663"),
        ("xhttps://github.com/o/r/pull/12#x", "xhxxps://github.com/o/r/pull/12#x"),
        ("https://https://github.com/o/r/pull/1", "https://hxxps://github.com/o/r/pull/1"),
        ("(https://github.com/o/r/pull/12/files)", "(hxxps://github.com/o/r/pull/12/files)"),
    ],
)
def test_a_pull_request_is_named_without_being_an_address(url: str, shown: str) -> None:
    assert RESPAWN_GUARD.search(url)

    assert wording.defang(f"see {url}, {url}") == f"see {shown}, {shown}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@ann look", "\uff20ann look"),
        ("(@ann)", "(\uff20ann)"),
        ("![x](https://example.org/x.png)", "![x] (https://example.org/x.png)"),
        ("[x](https://example.org)", "[x] (https://example.org)"),
    ],
)
def test_nobody_is_pinged_and_nothing_is_linked(text: str, shown: str) -> None:
    assert wording.defang(text) == shown


# One line. --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a b"),
        ("a\r\n\r\n b\t\u00a0c", "a b c"),
        ("a\u2028b\u2029c\x85d\x0be", "a b c d e"),
        (" a ", "a"),
        ("a\x00\x07\x1bb\x7f", "ab"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("a\u200b\u200d\u2060\ufeff\u00adb", "ab"),
        ("a\u034f\u3164b", "ab"),
        ("a\U000e0041b", "ab"),
        ("/srv/\udcffx", "/srv/\ufffdx"),
        ("\n", ""),
        ("", ""),
    ],
    ids=ascii,
)
def test_line_breaks_and_what_is_not_seen_are_left_out(text: str, shown: str) -> None:
    assert wording.one_line(text, 99) == shown


@pytest.mark.parametrize(
    ("limit", "shown"), [(1, "…"), (2, "a…"), (3, "a…"), (4, "a b…"), (5, "a b c"), (6, "a b c")]
)
def test_a_long_line_is_cut(limit: int, shown: str) -> None:
    assert wording.one_line("a  b  c", limit) == shown


# All of it. -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://git\u200bhub.com/o/r/pull/12", "hxxps://github.com/o/r/pull/12"),
        (f"ghp_\u200b{A20}", "***"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nb", "*** b"),
        ("\u200b@ann", "\uff20ann"),
    ],
    ids=["a pull request", "a token", "a private key", "a ping"],
)
def test_nothing_hides_behind_what_is_not_seen(text: str, shown: str) -> None:
    assert wording.safe(text, 99) == shown


def test_half_a_secret_is_not_left_over_by_the_cut() -> None:
    text = f"x {TOKENS['npm']} y"

    assert [wording.safe(text, limit) for limit in range(1, 8)] == [
        *("…", "x…", "x…", "x *…", "x **…", "x ***…", "x *** y"),
    ]


HARMLESS = st.sampled_from(
    [
        *ORDINARY,
        *("https://", "http://", "github.com/", "o/r", "/pull/", "12", "@", "ann", "[x](y)"),
        *("--token", "--password=", "API_KEY", "secret", "token", "=", ":", " ", "\t", "'", '"'),
        *("Authorization:", "Bearer", "basic", "u:p@", "-----BEGIN PRIVATE KEY-----", "-", "_"),
        *("***", "…", "\n", "\u200b", "\u202e", "\udcff", "é", "."),
    ]
)
PIECES = HARMLESS | st.sampled_from(sorted(TOKENS.values()))
TEXTS = st.text() | st.lists(PIECES, max_size=12).map("".join)
LIMITS = st.integers(1, 300)


@given(text=TEXTS)
def test_a_second_time_changes_nothing(text: str) -> None:
    redacted, defanged = wording.redact(text), wording.defang(text)

    assert wording.redact(redacted) == redacted
    assert wording.defang(defanged) == defanged


@given(text=TEXTS, limit=LIMITS)
def test_a_second_time_on_one_line_changes_nothing(text: str, limit: int) -> None:
    line = wording.one_line(text, limit)

    assert wording.one_line(line, limit) == line


@given(text=TEXTS, limit=LIMITS)
def test_a_line_is_never_longer_than_it_may_be_and_can_be_shown(text: str, limit: int) -> None:
    for line in (wording.one_line(text, limit), wording.safe(text, limit)):
        assert len(line) <= limit
        assert line == " ".join(line.split())
        assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert line.encode().decode() == line


@given(text=TEXTS, limit=LIMITS)
def test_nothing_that_is_said_keeps_a_card_from_being_respawned(text: str, limit: int) -> None:
    assert not RESPAWN_GUARD.search(wording.defang(text))
    assert not RESPAWN_GUARD.search(wording.safe(text, limit))


@given(
    before=st.lists(HARMLESS, max_size=5).map("".join),
    secret=st.sampled_from(sorted(TOKENS.values())),
    after=st.lists(HARMLESS, max_size=5).map("".join),
    limit=LIMITS,
)
def test_no_token_survives(before: str, secret: str, after: str, limit: int) -> None:
    text = f"{before} {secret} {after}"

    assert secret not in wording.redact(text)
    assert secret not in wording.safe(text, limit)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            " ",
            "@",
            "-",
            "_",
            "=",
            ":",
            "/",
            "'",
            '"',
            "sk-",
            "sk-a",
            "eyJ",
            "-eyJ",
            "eyJaaaaaaaa.",
        ),
        *("token", "token ", "--token", "--token ", "-token-", "TOKEN_", '"token', "bearer "),
        *("bearer a", "authorization: ", "://", "://a", "://a:", "http://github.com/", "a:a@"),
        *("http://github.com/o/r/pull/", "-----BEGIN ", "-----BEGIN A PRIVATE KEY-----"),
        *("-----END ", "](", "\u200b", "ghp_", "pass", "_pass", "x\n"),
    ],
    ids=ascii,
)
def test_a_long_text_is_read_as_well(piece: str) -> None:
    text = piece * (60_000 // len(piece))

    assert len(wording.safe("http://" + text, 99)) <= 99
    assert len(wording.safe("-----BEGIN PRIVATE KEY-----" + text, 99)) <= 99


@pytest.mark.parametrize(
    ("command", "code"),
    [("ls", "`ls`"), ("echo `id`", "`` echo `id` ``"), ("a``b`", "``` a``b` ```")],
)
def test_a_command_is_code_whatever_is_in_it(command: str, code: str) -> None:
    assert wording.code(command) == code
