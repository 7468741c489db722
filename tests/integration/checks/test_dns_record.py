"""``dns_record``: the TTL of a whole chain and who may state it, values by meaning, answers that are none."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.names import Record, Reply, Script, scripted

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SOA = (("shop.test.", 300, "SOA", "ns.shop.test. hostmaster.shop.test. 1 7200 3600 1209600 300"),)


def asked(script: Script, *, streams: bool = True, **params: Any) -> CheckResult:
    """Ask one resolver."""

    async def ask() -> CheckResult:
        async with scripted(script, streams=streams) as resolver:
            given = {"names": ["www.shop.test"], "resolvers": [resolver], "timeout": "5s", **params}
            return await check(context(), "dns_record", **given)

    return run(ask())


def always(*records: Record, **options: Any) -> Script:
    """Give the same answer to every question."""
    return lambda _name, _kind: Reply(*records, **options)


# ---- the TTL ----------------------------------------------------------------------------------------

SHORT: Record = ("lb.shop.test.", 60, "A", "192.0.2.1")
CHAINS: dict[str, tuple[list[Record], int]] = {
    "an alias in the middle is long": ([("www.shop.test.", 60, "CNAME", "b.shop.test."), ("b.shop.test.", 7200, "CNAME", "lb.shop.test."), SHORT], 7200),
    "the record itself is long": ([("www.shop.test.", 60, "CNAME", "lb.shop.test."), ("lb.shop.test.", 7200, "A", "192.0.2.1")], 7200),
    "an alias of the whole zone is long": ([("shop.test.", 7200, "DNAME", "other.test."), ("www.shop.test.", 0, "CNAME", "www.other.test."), ("www.other.test.", 60, "A", "192.0.2.1")], 7200),
}  # fmt: skip


@pytest.mark.parametrize("aa", [True, False], ids=["an authority", "a resolver"])
@pytest.mark.parametrize(("records", "ttl"), CHAINS.values(), ids=CHAINS.keys())
def test_the_longest_ttl_of_a_chain_counts(records: list[Record], ttl: int, aa: bool) -> None:
    """Each record of a chain is kept by itself; what a resolver has left above the limit proves a no."""
    result = asked(always(*records, aa=aa), max_ttl=300)
    assert (result.verdict, f"ttl = {ttl}, want <= 300" in raw(result)) == (F, True), result.headline


def deployment(
    zone: dict[tuple[str, str], Reply],
    cached: dict[tuple[str, str], Reply],
    *,
    servers: str = "ns.shop.test.",
    at: str = "192.0.2.53:53",
    **params: Any,
) -> CheckResult:
    """Ask a resolver with these answers in its cache, while the zone's own server has those."""
    nothing = Reply(rcode="NXDOMAIN", authority=SOA)

    async def ask() -> CheckResult:
        async with scripted(lambda name, kind: zone.get((name, kind), Reply(rcode="REFUSED"))) as own:
            known = {
                ("shop.test.", "NS"): Reply(("shop.test.", 300, "NS", servers)),
                (servers, "A"): Reply((servers, 300, "A", "192.0.2.53")),
                **cached,
            }
            async with scripted(lambda name, kind: known.get((name, kind), nothing)) as resolver:
                ctx = context(addresses={at: own})
                given = {
                    "names": ["www.shop.test"],
                    "resolvers": [resolver],
                    "max_ttl": 300,
                    "timeout": "5s",
                    **params,
                }
                return await check(ctx, "dns_record", **given)

    return run(ask())


def address(ttl: int, name: str = "www.shop.test.", **options: Any) -> Reply:
    return Reply((name, ttl, "A", "192.0.2.1"), **options)


WWW = ("www.shop.test.", "A")
ALIAS = ("www.shop.test.", 60, "CNAME", "lb.shop.test.")
LB = ("lb.shop.test.", "A")
ZONES: dict[str, tuple[dict[tuple[str, str], Reply], dict[tuple[str, str], Reply], Verdict, str]] = {
    "a day, of which four minutes are left": ({WWW: address(86400, aa=True)}, {WWW: address(240)}, F, "ttl = 86400"),
    "short at the zone's server": ({WWW: address(300, aa=True)}, {WWW: address(17)}, P, "ttl = 300"),
    "an old answer is still cached": ({WWW: address(60, aa=True)}, {WWW: address(4000)}, F, "ttl = 4000"),
    "the alias is long at the zone's server": ({WWW: Reply(("www.shop.test.", 86400, "CNAME", "lb.shop.test."), aa=True), LB: address(60, "lb.shop.test.", aa=True)}, {WWW: Reply(ALIAS, SHORT)}, F, "ttl = 86400"),
    "what the alias leads to is long": ({WWW: Reply(ALIAS, SHORT, aa=True), LB: address(86400, "lb.shop.test.", aa=True)}, {WWW: Reply(ALIAS, SHORT)}, F, "ttl = 86400"),
    "a chain that is short throughout": ({WWW: Reply(ALIAS, aa=True), LB: address(60, "lb.shop.test.", aa=True)}, {WWW: Reply(ALIAS, SHORT)}, P, "ttl = 60"),
    "half of the chain is proved": ({WWW: Reply(ALIAS, SHORT, aa=True)}, {WWW: Reply(ALIAS, SHORT)}, Q, "no server of its zone (ns.shop.test) answers for lb.shop.test"),
    "the server is no authority": ({WWW: address(60)}, {WWW: address(60)}, Q, "only says what is left"),
    "the server refuses": ({}, {WWW: address(60)}, Q, "no server of its zone"),
    "the server knows no such name": ({WWW: Reply(aa=True, authority=SOA, rcode="NXDOMAIN")}, {WWW: address(60)}, Q, "no server of its zone"),
    "aliases in a circle": ({WWW: Reply(ALIAS, aa=True), ("lb.shop.test.", "A"): Reply(("lb.shop.test.", 60, "CNAME", "www.shop.test."), aa=True)}, {WWW: Reply(ALIAS, SHORT)}, Q, "lead nowhere"),
    "cut short over UDP": ({WWW: address(86400, aa=True, cut=True)}, {WWW: address(60)}, F, "ttl = 86400"),
}  # fmt: skip


@pytest.mark.parametrize(("zone", "cached", "verdict", "headline"), ZONES.values(), ids=ZONES.keys())
def test_who_may_state_a_ttl(
    zone: dict[tuple[str, str], Reply], cached: dict[tuple[str, str], Reply], verdict: Verdict, headline: str
) -> None:
    """What a resolver has left is no proof that a TTL is short; the zone's own server proves it, name by name."""
    result = deployment(zone, cached)
    asked_at = headline in " ".join([result.headline, *(finding.note for finding in result.findings)])
    ttl = next(finding.actual for finding in result.findings if finding.expression == "ttl")
    assert (result.verdict, asked_at or headline == f"ttl = {ttl}") == (verdict, True), (result.headline, ttl)


@pytest.mark.parametrize(("ttl", "verdict"), [(60, P), (86400, F)])
def test_a_resolver_of_a_network_of_its_own_states_its_ttl(ttl: int, verdict: Verdict) -> None:
    """Where a resolver knows no servers of a zone, no other server can be asked."""
    gone = Reply(rcode="NXDOMAIN", authority=SOA)
    assert deployment({}, {WWW: address(ttl), ("shop.test.", "NS"): gone}).verdict is verdict


def test_an_expectation_of_the_ttl_needs_the_zone_too() -> None:
    """A limit in ``expect`` is a limit as well."""
    result = deployment({}, {WWW: address(60)}, max_ttl=None, expect={"ttl": "<= 300"})
    assert (result.verdict, "no server of its zone" in raw(result)) == (Q, True), result.headline


def test_what_a_resolver_keeps_counts_in_expect_too() -> None:
    """The longer of both TTLs is the one that keeps an old answer in caches."""
    result = deployment(
        {WWW: address(60, aa=True)}, {WWW: address(4000)}, max_ttl=None, expect={"ttl": "<= 300"}
    )
    assert (result.verdict, "ttl = 4000" in raw(result)) == (F, True), result.headline


def test_a_server_of_the_zone_is_mapped_by_its_name() -> None:
    """The environment may name a server of the zone instead of its address."""
    assert deployment({WWW: address(60, aa=True)}, {WWW: address(60)}, at="ns.shop.test:53").verdict is P


def test_the_servers_of_another_zone_do_not_count() -> None:
    """An alias has the servers of its own zone, not of the one that it leads to."""
    alias = {
        ("www.shop.test.", "NS"): Reply(
            ("www.shop.test.", 60, "CNAME", "cdn.test."), ("cdn.test.", 60, "NS", "ns.cdn.test.")
        )
    }
    assert deployment({WWW: address(60, aa=True)}, {WWW: address(60), **alias}).verdict is P


def test_the_ttl_of_an_alias_itself() -> None:
    """Where the alias is the wanted record, what it leads to does not count."""
    alias = {("www.shop.test.", "CNAME"): Reply(ALIAS, aa=True)}
    assert deployment(alias, {("www.shop.test.", "CNAME"): Reply(ALIAS)}, type="CNAME").verdict is P


def test_without_a_limit_the_zone_is_not_asked() -> None:
    """An item that does not ask for the TTL passes behind a resolver alone."""
    assert asked(always(("www.shop.test.", 60, "A", "192.0.2.1"))).verdict is P


def test_a_link_local_server_is_not_asked() -> None:
    """A zone cannot lead a check to the metadata service."""
    metadata = {("ns.shop.test.", "A"): Reply(("ns.shop.test.", 300, "A", "169.254.169.254"))}
    result = deployment({WWW: address(60, aa=True)}, {WWW: address(60), **metadata})
    assert (result.verdict, "link-local" in raw(result)) == (Q, True), result.headline


# ---- values -----------------------------------------------------------------------------------------

LONG = "v=DKIM1; k=rsa; p=" + "A" * 400
VALUES: dict[str, tuple[str, list[str], list[str], Verdict]] = {
    "a key of two strings": ("TXT", [f'"{LONG[:255]}" "{LONG[255:]}"'], [LONG], P),
    "a key in other pieces": ("TXT", [f'"{LONG[:200]}" "{LONG[200:]}"'], [f'"{LONG[:10]}" "{LONG[10:]}"'], P),
    "a key that was cut": ("TXT", [f'"{LONG[:255]}"'], [LONG], F),
    "a text in other letters": ("TXT", ['"v=spf1 -ALL"'], ["v=spf1 -all"], F),
    "a text with quotes in it": ("TXT", ['"say \\"yes\\""'], ['say "yes"'], P),
    "an escaped semicolon": ("TXT", ['"v=DMARC1; p=none"'], ['"v=DMARC1\\; p=none"'], P),
    "an address of six": ("AAAA", ["2001:db8::1"], ["2001:0DB8:0:0:0:0:0:1"], P),
    "another address of six": ("AAAA", ["2001:db8::1"], ["2001:db8::10"], F),
    "a mail host": ("MX", ["10 Mail.Shop.Test."], ["10 mail.shop.test"], P),
    "a mail host of another preference": ("MX", ["20 mail.shop.test."], ["10 mail.shop.test"], F),
    "no mail at all": ("MX", ["0 ."], ["0 ."], P),
    "a service": ("SRV", ["10 5 443 A.Shop.Test."], ["10  5 443 a.shop.test."], P),
    "a service at another port": ("SRV", ["10 5 443 a.shop.test."], ["10 5 8443 a.shop.test."], F),
    "an authority": ("CAA", ['0 issue "LetsEncrypt.org"'], ["0 ISSUE letsencrypt.org"], P),
    "an authority with parameters": ("CAA", ['0 issue "letsencrypt.org;validationmethods=dns-01"'], ['0 issue "letsencrypt.org; validationmethods=dns-01"'], P),
    "no authority may issue": ("CAA", ['0 issue ";"'], ['0 issue ";"'], P),
    "an authority that must be understood": ("CAA", ['128 issue "letsencrypt.org"'], ['0 issue "letsencrypt.org"'], F),
    "twice wanted, once there": ("A", ["192.0.2.1"], ["192.0.2.1", "192.0.2.1"], P),
    "servers in another order": ("NS", ["b.shop.test.", "A.shop.test."], ["a.shop.test", "B.SHOP.TEST."], P),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "there", "wanted", "verdict"), VALUES.values(), ids=VALUES.keys())
def test_values_compare_by_meaning(kind: str, there: list[str], wanted: list[str], verdict: Verdict) -> None:
    """One record is one value, however a zone or an item spells it."""
    result = asked(
        always(*(("www.shop.test.", 60, kind, value) for value in there)), type=kind, values=wanted
    )
    assert result.verdict is verdict, result.headline


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("A", "2001:db8::1"),
        ("AAAA", "192.0.2.1"),
        ("MX", "mail.shop.test"),
        ("CAA", "letsencrypt.org"),
        ("TXT", '"open'),
    ],
)
def test_values_that_no_record_can_have(kind: str, value: str) -> None:
    """A value that the type cannot have is refused when the parameters are read."""
    result = asked(always(), type=kind, values=[value])
    assert (result.verdict, f"is not a value of {kind}" in raw(result)) == (Q, True), result.headline


def test_an_address_is_looked_up_by_its_name() -> None:
    """For PTR an address stands for the name in ``in-addr.arpa``."""

    def script(name: str, _kind: str) -> Reply:
        return (
            Reply((name, 60, "PTR", "host.shop.test."))
            if name == "1.2.0.192.in-addr.arpa."
            else Reply(rcode="NXDOMAIN")
        )

    assert asked(script, names=["192.0.2.1"], type="PTR", values=["host.shop.test"]).verdict is P


# ---- answers that are none --------------------------------------------------------------------------

REFERRAL: tuple[Record, ...] = (("test.", 300, "NS", "ns.test."),)
NONE: dict[str, tuple[Script, Verdict, str]] = {
    "a referral": (always(authority=REFERRAL), Q, "only refers to other servers"),
    "an alias that leads nowhere yet": (always(ALIAS), Q, "does not say where it leads"),
    "an alias of which the target has no such record": (always(ALIAS, authority=SOA), F, "count = 0"),
    "an alias of a name that is not there": (always(ALIAS, rcode="NXDOMAIN", authority=SOA), F, "count = 0"),
    "no such record": (always(authority=SOA), F, "count = 0"),
    "no such record, and no word more": (always(), F, "count = 0"),
    "no such name": (always(rcode="NXDOMAIN"), F, "count = 0"),
    "refused": (always(rcode="REFUSED"), Q, "could not answer"),
    "broken": (always(rcode="SERVFAIL"), Q, "could not answer"),
    "aliases in a circle": (always(("www.shop.test.", 60, "CNAME", "b.shop.test."), ("b.shop.test.", 60, "CNAME", "www.shop.test.")), Q, "could not answer"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "verdict", "headline"), NONE.values(), ids=NONE.keys())
def test_answers_without_records(script: Script, verdict: Verdict, headline: str) -> None:
    """That there is no record is told apart from a server that does not say."""
    result = asked(script)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


@pytest.mark.parametrize(
    ("streams", "verdict"), [(True, F), (False, Q)], ids=["asked again over TCP", "TCP is closed"]
)
def test_an_answer_that_was_cut(streams: bool, verdict: Verdict) -> None:
    """An answer cut short is asked for again over TCP, where the unexpected address is."""
    both = [("www.shop.test.", 60, "A", value) for value in ("192.0.2.1", "192.0.2.2")]
    assert asked(always(*both, cut=True), streams=streams, values=["192.0.2.1"]).verdict is verdict


# ---- a name that stands for addresses ---------------------------------------------------------------

LB = ("lb.cloud.test.", 60, "A", "192.0.2.1"), ("lb.cloud.test.", 60, "A", "192.0.2.2")
OF_OTHERS: dict[str, tuple[list[str], list[str], Verdict]] = {
    "all addresses of the load balancer": (["192.0.2.1", "192.0.2.2"], ["lb.cloud.test"], P),
    "some of them": (["192.0.2.2"], ["lb.cloud.test"], P),
    "one more": (["192.0.2.2", "203.0.113.9"], ["lb.cloud.test"], F),
    "the old site": (["203.0.113.9"], ["lb.cloud.test"], F),
    "a load balancer that is not there": (["192.0.2.2"], ["gone.cloud.test"], F),
    "it, and an address": (["192.0.2.2", "203.0.113.9"], ["lb.cloud.test", "203.0.113.9"], P),
    "it, without the address": (["192.0.2.2"], ["lb.cloud.test", "203.0.113.9"], F),
    "nothing": ([], ["lb.cloud.test"], F),
}


@pytest.mark.parametrize(("answers", "values", "verdict"), OF_OTHERS.values(), ids=OF_OTHERS.keys())
def test_name_among_the_values(answers: list[str], values: list[str], verdict: Verdict) -> None:
    """A load balancer's name stands for what the same resolver answers for it, whatever others answer."""
    none = Reply(rcode="NXDOMAIN", authority=SOA)
    zone = {"lb.cloud.test.": Reply(*LB)}
    if answers:
        zone["www.shop.test."] = Reply(*(("www.shop.test.", 60, "A", one) for one in answers))
    assert asked(lambda name, _: zone.get(name, none), values=values).verdict is verdict


BOTH = ["192.0.2.1", "2001:db8::1"]
FAMILIES: dict[str, tuple[str, list[str], list[str], Verdict]] = {
    "IPv4 of both": ("A", ["192.0.2.1"], BOTH, P),
    "IPv6 of both": ("AAAA", ["2001:db8:0::1"], BOTH, P),
    "IPv6 of the old site beside IPv4 alone": ("AAAA", ["2001:db8::9"], ["192.0.2.1"], F),
    "no IPv6 beside IPv4 alone": ("AAAA", [], ["192.0.2.1"], P),
    "no IPv6 of both": ("AAAA", [], BOTH, F),
    "no IPv4": ("A", [], ["192.0.2.1"], F),
}


@pytest.mark.parametrize(("kind", "there", "values", "verdict"), FAMILIES.values(), ids=FAMILIES.keys())
def test_one_list_of_addresses_serves_both_types(
    kind: str, there: list[str], values: list[str], verdict: Verdict
) -> None:
    """An address of the other family is not asked of a type; one that is not among the values is unexpected."""
    script = always(*(("www.shop.test.", 60, kind, value) for value in there), authority=() if there else SOA)
    assert asked(script, type=kind, values=values, expect={"count": ">= 0"}).verdict is verdict


# ---- what a resolver says of its answer -------------------------------------------------------------

FOUND: Record = ("www.shop.test.", 60, "A", "192.0.2.1")
SAYS: dict[str, tuple[Script, Verdict, str]] = {
    "stale": (always(FOUND, says=3), Q, "is not that of the zone: stale"),
    "forged": (always(FOUND, says=4), Q, "forged"),
    "blocked": (always(("www.shop.test.", 60, "A", "192.0.2.9"), says=15), Q, "blocked"),
    "censored": (always(says=16, authority=SOA), Q, "censored"),
    "filtered": (always(says=17, rcode="NXDOMAIN", authority=SOA), Q, "filtered"),
    "prohibited": (always(FOUND, says=18), Q, "prohibited"),
    "a stale no": (always(says=19, rcode="NXDOMAIN", authority=SOA), Q, "stale"),
    "signed in a way that is not known": (always(FOUND, says=1), P, "count = 1"),
    "something else": (always(FOUND, says=0), P, "count = 1"),
    "synthesised": (always(FOUND, says=29), P, "count = 1"),
    "a server without EDNS": (always(FOUND, old=True), P, "count = 1"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "verdict", "headline"), SAYS.values(), ids=SAYS.keys())
def test_what_a_resolver_says_of_its_answer(script: Script, verdict: Verdict, headline: str) -> None:
    """An answer that the resolver itself does not hold for the zone's proves nothing (RFC 8914, section 4)."""
    result = asked(script)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


NONE: dict[str, tuple[str, str, dict[str, Any], Verdict]] = {
    "no mail": ("MX", "0 .", {}, F),
    "no service": ("SRV", "0 0 0 .", {}, F),
    "no mail, as wanted": ("MX", "0 .", {"values": ["0 ."]}, P),
    "mail": ("MX", "10 mail.shop.test.", {}, P),
}


@pytest.mark.parametrize(("kind", "value", "params", "verdict"), NONE.values(), ids=NONE.keys())
def test_a_record_that_says_there_is_none(
    kind: str, value: str, params: dict[str, Any], verdict: Verdict
) -> None:
    """A null record is an answer, and offers nothing (RFC 7505; RFC 2782)."""
    assert asked(always(("www.shop.test.", 60, kind, value)), type=kind, **params).verdict is verdict
