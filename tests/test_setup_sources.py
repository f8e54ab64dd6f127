"""Do packages come from the right archive, signed, and does nothing else come with them?"""

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setup import CannotInstall, fetch
from setup.sources import (
    Source,
    debian_unstable,
    own_suite,
    parse_deb822,
    parse_one_line,
    parse_os_release,
    read_sources,
)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
UBUNTU = {"ID": "ubuntu", "VERSION_CODENAME": "noble", "PRETTY_NAME": "Ubuntu 24.04 LTS"}

DEBIAN_SOURCES = f"""\
Types: deb
# a comment inside a paragraph
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
Trusted: yes
URIs: http://trusting.example/debian
Suites: bookworm
Components: main
"""


# --- where packages come from


def test_a_deb822_file_gives_its_enabled_binary_sources() -> None:
    assert parse_deb822(DEBIAN_SOURCES) == [
        Source(
            "http://mirror.example/debian", ("bookworm", "bookworm-updates"), ("main", "contrib"), KEYRING
        ),
        Source("http://mirror.example/debian-security", ("bookworm-security",), ("main",), KEYRING),
    ]


def test_a_key_written_into_a_deb822_file_is_kept_as_it_stands() -> None:
    text = "Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\n"
    text += "Signed-By:\n -----BEGIN\n .\n abc\n"
    (source,) = parse_deb822(text)
    assert source.signed_by.splitlines()[1:] == [" -----BEGIN", " .", " abc"]
    assert parse_deb822(source.stanza()) == [source]


def test_a_one_line_file_gives_its_sources_with_their_keyring() -> None:
    text = (
        "# deb http://commented.example/debian bookworm main\n"
        "deb http://mirror.example/debian bookworm main contrib # Debian\n"
        f"deb [arch=amd64 signed-by={KEYRING}] http://mirror.example/debian bookworm-updates main\n"
        "deb-src http://mirror.example/debian bookworm main\n"
        "deb [trusted=yes] http://trusting.example/debian bookworm main\n"
    )
    assert parse_one_line(text) == [
        Source("http://mirror.example/debian", ("bookworm",), ("main", "contrib")),
        Source("http://mirror.example/debian", ("bookworm-updates",), ("main",), KEYRING),
    ]


def test_an_apt_folder_is_read_in_both_shapes_and_nothing_else_in_it(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (parts / "b.sources").write_text(
        "Types: deb\nURIs: http://b.example/debian\nSuites: sid\nComponents: main\n"
    )
    (parts / "c.list.disabled").write_text("deb http://c.example/debian bookworm main\n")
    assert [source.uri for source in read_sources(tmp_path)] == [
        "http://a.example/debian",
        "http://b.example/debian",
    ]


words = st.from_regex(r"[a-z][a-z0-9./-]{0,12}", fullmatch=True)


@given(
    uri=words, suites=st.lists(words, min_size=1), components=st.lists(words), signed_by=st.just("") | words
)
def test_every_source_written_for_apt_reads_back_the_same_and_never_asks_for_trust(
    uri: str, suites: list[str], components: list[str], signed_by: str
) -> None:
    source = Source(uri, tuple(suites), tuple(components), signed_by)
    assert parse_deb822(source.stanza()) == [source]
    assert not re.search(r"(?mi)^(trusted|allow-insecure|allow-weak)\s*:", source.stanza())


def test_the_machines_own_suite_leaves_third_parties_out() -> None:
    docker = Source("http://docker.example/linux/debian", ("bookworm",), ("stable",))
    browser = Source("http://browser.example/deb", ("stable",), ("main",))
    backports = Source("http://mirror.example/debian", ("bookworm-backports", "bookworm"), ("main",))
    kept = own_suite([docker, browser, backports, *parse_deb822(DEBIAN_SOURCES)], DEBIAN)
    assert {suite for source in kept for suite in source.suites} == {
        "bookworm",
        "bookworm-updates",
        "bookworm-security",
    }
    assert {source.uri for source in kept} == {
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    }


def test_a_machine_that_names_no_source_of_its_own_is_told_the_command() -> None:
    with pytest.raises(CannotInstall, match="apt-get install espeak-ng sip-tester postgresql"):
        own_suite([Source("http://browser.example/deb", ("nodistro",), ("main",))], DEBIAN)


def test_on_debian_unstable_comes_from_the_machines_own_mirror_not_from_a_third_party() -> None:
    other = Source("http://other.example/packages", ("bookworm",), ("main",), "/other.gpg")
    found = debian_unstable([other, *parse_deb822(DEBIAN_SOURCES)], DEBIAN, "", [KEYRING])
    assert found == Source("http://mirror.example/debian", ("sid",), ("main",), KEYRING)


def test_on_ubuntu_a_debian_archive_has_to_be_named() -> None:
    with pytest.raises(CannotInstall, match=r"Ubuntu 24\.04 LTS .*MAI_DEBIAN_SOURCE=.* make setup"):
        debian_unstable([], UBUNTU, "", [KEYRING])
    found = debian_unstable([], UBUNTU, "http://mirror.example/debian", [KEYRING])
    assert found == Source("http://mirror.example/debian", ("sid",), ("main",), KEYRING)


def test_without_debians_keys_nothing_is_fetched_but_the_command_is_said() -> None:
    with pytest.raises(CannotInstall, match="apt-get install debian-archive-keyring"):
        debian_unstable([], UBUNTU, "http://mirror.example/debian", [])


@pytest.mark.parametrize(
    "address", ["mirror.example/debian", "http://m.example/debian\nTrusted: yes", "http://a b"]
)
def test_a_debian_source_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(CannotInstall, match="MAI_DEBIAN_SOURCE"):
        debian_unstable([], UBUNTU, address, [KEYRING])


def test_os_release_is_read_with_and_without_quotes() -> None:
    assert parse_os_release('ID=debian\nVERSION_CODENAME="bookworm"\n# x=y\n') == DEBIAN


# --- the private apt


def test_what_the_machine_says_about_signatures_is_not_taken_over_but_its_proxy_is() -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::AllowInsecureRepositories "1";\n'
        'Acquire::AllowWeakRepositories "1";\n'
        'APT::Get::AllowUnauthenticated "1";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'APT::Update::Post-Invoke:: "rm -rf /";\n'
    )
    text = fetch.settings(Path("/private"), dump)
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in text
    assert 'Acquire::Check-Valid-Until "false";' in text
    for word in ("AllowInsecureRepositories", "AllowWeakRepositories", "AllowUnauthenticated"):
        assert re.findall(rf'{word} "(.*)";', text) == ["0"]
    assert "Post-Invoke" not in text


@pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="no apt on this machine, so nothing is fetched by it"
)
def test_an_archive_without_a_signature_stops_the_set_up(tmp_path: Path) -> None:
    index = tmp_path / "archive/dists/sid/main/binary-all/Packages"
    index.parent.mkdir(parents=True)
    index.write_text("")
    digest = hashlib.sha256(b"").hexdigest()
    (tmp_path / "archive/dists/sid/Release").write_text(
        "Suite: sid\nCodename: sid\nArchitectures: all\nComponents: main\n"
        "Date: Sat, 01 Jan 2022 00:00:00 UTC\n"
        f"SHA256:\n {digest} 0 main/binary-all/Packages\n"
    )
    source = Source(f"file:{tmp_path}/archive", ("sid",), ("main",), KEYRING)
    with pytest.raises(CannotInstall, match=r"signature of .* could not be verified"):
        fetch.Apt(tmp_path / "apt", [source]).update()


def test_only_packages_that_run_are_fetched() -> None:
    text = (
        "Reading package lists...\n"
        "'http://m.example/pool/a/asterisk_22.deb' asterisk_1%3a22.10.1+dfsg-1_amd64.deb 2534036 SHA256:aa\n"
        "'http://m.example/pool/p/perl.deb' perl-modules-5.42_5.42.3-1_all.deb 3212612 SHA256:bb\n"
        "'http://m.example/pool/p/pam.deb' libpam0g_1.5_amd64.deb 100 SHA256:cc\n"
    )
    assert fetch.parse_wanted(text) == [
        fetch.Package("asterisk", "1:22.10.1+dfsg-1", 2534036),
        fetch.Package("libpam0g", "1.5", 100),
    ]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "W: GPG error: http://m sid InRelease: NO_PUBKEY 6ED0\nE: The repository is not signed.",
            "debian-archive-keyring",
        ),
        ("E: The repository 'http://m sid Release' is not signed.", "debian-archive-keyring"),
        ("E: Release file for http://m is expired (invalid since 15d).", "clock"),
        ("E: Unable to locate package sip-tester", "add-apt-repository universe"),
        (
            "E: Failed to fetch http://m/x  Could not resolve 'm'\nE: The repository is not signed.",
            "check the network",
        ),
        ("", "no word from apt-get"),
    ],
)
def test_a_failed_fetch_is_told_in_one_sentence_with_what_helps(log: str, said: str) -> None:
    sentence = fetch.why(log, "http://m sid")
    assert said in sentence
    assert "\n" not in sentence


def test_pruning_leaves_what_runs_and_nothing_that_leads_out_or_runs_as_root(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in (
        "usr/bin/asterisk",
        "usr/bin/passwd",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/perl-base/x.so",
        "usr/share/doc/asterisk/copyright",
        "usr/share/asterisk/sounds/beep.gsm",
    ):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tree / "usr/bin/asterisk").chmod(0o4755)
    (tree / "usr/share/asterisk/keys").symlink_to("/etc/shadow")
    (tree / "usr/share/asterisk/folder").symlink_to("/etc")
    (tree / "usr/share/asterisk/en").symlink_to("sounds")
    fetch.prune(tree, ("usr/bin/asterisk", "usr/share/asterisk/"))
    left = {
        path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_symlink() or path.is_file()
    }
    assert left == {
        "usr/bin/asterisk",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/share/asterisk/sounds/beep.gsm",
        "usr/share/asterisk/en",
    }
    assert (tree / "usr/bin/asterisk").stat().st_mode & 0o7777 == 0o755
