"""Orthanc's own keys, in every form that Orthanc accepts; and what Orthanc refuses."""

from __future__ import annotations

from typing import Any

import pytest

from sendit.config.orthanc import OrthancConfig, Peer
from sendit.errors import Misconfigured


def _peer(value: object) -> Peer:
    return OrthancConfig.read({"OrthancPeers": {"p": value}}).peers["p"]


def _refused(value: object, name: str = "p") -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        OrthancConfig.read({"OrthancPeers": {name: value}})
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_nothing_configured() -> None:
    """Orthanc's defaults."""
    config = OrthancConfig.read({})
    assert config == OrthancConfig(peers={})
    assert (config.http_port, config.stable_age, config.http_timeout) == (8042, 60, 60.0)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host:8042/", "http://host:8042"),
        ("http://host:8042", "http://host:8042"),
        ("https://host/a/path/", "https://host/a/path"),
        ("host:8042", "http://host:8042"),
        ("http://[::1]:8042/", "http://[::1]:8042"),
        ("HTTP://Host", "http://host"),
    ],
)
def test_urls(url: str, expected: str) -> None:
    """With and without slash, path, port and scheme: what curl, in Orthanc, understands."""
    assert _peer([url]) == Peer("p", expected)


def test_the_list() -> None:
    """A URL, or a URL with user and password; two empty ones are none."""
    assert _peer(["http://h/", "alice", "pw"]) == Peer("p", "http://h", "alice", "pw")
    assert _peer(["http://h/", "", ""]) == Peer("p", "http://h")


def test_the_object() -> None:
    """Every key of it, and keys that Orthanc keeps for its plugins."""
    assert _peer(
        {
            "Url": "https://h/",
            "Username": "alice",
            "Password": "pw",
            "HttpHeaders": {"Token": "t"},
            "CertificateFile": "/c.crt",
            "CertificateKeyFile": "/c.key",
            "CertificateKeyPassword": "kp",
            "Pkcs11": False,
            "Timeout": 42,
            "RemoteSelf": "me",
        }
    ) == Peer("p", "https://h", "alice", "pw", {"Token": "t"}, "/c.crt", "/c.key", "kp", 42.0)
    assert _peer({"URL": "http://h"}) == Peer("p", "http://h")


def test_credentials_in_the_url() -> None:
    """They come before the configured ones, as in curl, and leave the URL, which may be shown."""
    peer = _peer(["http://bob:p%40ss@h:8042/x", "alice", "pw"])
    assert (peer.url, peer.username, peer.password) == ("http://h:8042/x", "bob", "p@ss")


def test_secrets_are_not_shown() -> None:
    """Passwords and headers are left out where a peer is printed."""
    peer = _peer(
        {
            "Url": "http://bob:hunter2@h",
            "HttpHeaders": {"Token": "hunter2"},
            "CertificateFile": "/c",
            "CertificateKeyPassword": "hunter2",
        }
    )
    config = OrthancConfig(peers={"p": peer}, http_proxy="carl:hunter2@proxy:3128")
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        ("http://h", "", "neither a list nor an object"),
        (7, "", "neither a list nor an object"),
        ([], "", "a URL, or a URL, a user and a password"),
        (["http://h", "al"], "", "a URL, or a URL, a user and a password"),
        (["http://h", "al", 7], "", "a URL, or a URL, a user and a password"),
        (["ftp://h"], "[0]", "not the URL of an Orthanc"),
        ([""], "[0]", "URL is missing"),
        (["http://"], "[0]", "not the URL of an Orthanc"),
        (["http://h:port"], "[0]", "not the URL of an Orthanc"),
        (["http://[h"], "[0]", "not the URL of an Orthanc"),
        (["http://h/?key=hunter2"], "[0]", "not the URL of an Orthanc"),
        ({}, ".Url", "URL is missing"),
        ({"url": "http://h"}, ".url", "Did you mean Url"),
        ({"Url": 7}, ".Url", "has to be a string"),
        ({"Url": "http://h", "username": "al"}, ".username", "Did you mean Username"),
        ({"Url": "http://h", "Password": "hunter2"}, "", "password without a user"),
        ({"Url": "http://h", "Username": "al"}, "", "user without a password"),
        ({"Url": "http://h", "Timeout": "42"}, ".Timeout", "whole number"),
        ({"Url": "http://h", "Timeout": -1}, ".Timeout", "less than 0"),
        ({"Url": "http://h", "Timeout": True}, ".Timeout", "whole number"),
        ({"Url": "http://h", "HttpHeaders": ["a"]}, ".HttpHeaders", "has to be an object"),
        ({"Url": "http://h", "HttpHeaders": {"a": 1}}, ".HttpHeaders.a", "has to be a string"),
        ({"Url": "http://h", "Pkcs11": "true"}, ".Pkcs11", "true or false"),
        ({"Url": "http://h", "Pkcs11": True}, ".Pkcs11", "Use CertificateFile"),
        ({"Url": "http://h", "CertificateKeyFile": "/k"}, ".CertificateKeyFile", "without CertificateFile"),
    ],
)
def test_peers_that_are_refused(value: object, place: str, words: str) -> None:
    """By Orthanc as well, or because Orthanc would quietly ignore what was meant; place and remedy are told."""
    error = _refused(value)
    assert error.place == f"OrthancPeers.p{place}"
    assert words in str(error)
    assert error.remedy


def test_the_names_of_peers() -> None:
    """Letters, digits, dashes and underscores, as in Orthanc."""
    assert "Rename it" in _refused(["http://h"], "a b").remedy


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("OrthancPeers", ["a"], "an object"),
        ("HttpPort", "8042", "a whole number"),
        ("HttpPort", 8042.5, "a whole number"),
        ("StableAge", True, "a whole number"),
        ("HttpTimeout", -1, "less than 0"),
        ("HttpsVerifyPeers", "false", "true or false"),
        ("SslEnabled", 1, "true or false"),
        ("HttpsCACertificates", None, "a string"),
        ("HttpProxy", {}, "a string"),
        ("OrthancPeersInDatabase", True, "Set it to false"),
    ],
)
def test_values_that_are_refused(key: str, value: Any, words: str) -> None:
    """Orthanc checks the types too; the key is named."""
    with pytest.raises(Misconfigured) as caught:
        OrthancConfig.read({key: value})
    assert caught.value.place == key
    assert words in str(caught.value)


def test_the_global_keys() -> None:
    """All that SendIt reads; a timeout of 0 means Orthanc's default."""
    config = OrthancConfig.read(
        {
            "HttpPort": 1,
            "HttpServerEnabled": False,
            "SslEnabled": True,
            "SslCertificate": "/c.pem",
            "StableAge": 2,
            "HttpTimeout": 0,
            "HttpProxy": "proxy:3128",
            "HttpsVerifyPeers": False,
            "HttpsCACertificates": "/ca.pem",
        }
    )
    assert config == OrthancConfig({}, 1, False, True, "/c.pem", 2, 60.0, "proxy:3128", False, "/ca.pem")
