"""What instances cost, and when that has to end."""

import json
from dataclasses import replace

import pytest

from jupyter_scale.errors import AwsError
from jupyter_scale.model.cluster import Machine, NodeState, Rental, Status
from jupyter_scale.model.cost import Quote, QuotedPool, cost_of, deadline, ended, meter_of
from jupyter_scale.model.profile import Pool, Profile
from jupyter_scale.providers.aws.limits import limits_of, require_known, until_of
from jupyter_scale.providers.aws.options import settings_of
from jupyter_scale.providers.aws.prices import read_products, read_spot

HOUR_S = 3600.0


def profile(*pools, **options):
    made = [
        Pool(pool.pop("name", f"p{i}"), pool.pop("count", 1), options={**_type(), **pool})
        for i, pool in enumerate(pools or ({},))
    ]
    return Profile("train", "aws", tuple(made), options={"region": "us-east-1", **options})


def _type():
    return {"instance_type": "g5.xlarge"}


# -- prices ----------------------------------------------------------------------------------


def product(usd, unit="Hrs", day="2026-11-20T00:00:00Z"):
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    terms = {"OnDemand": {"x": {"priceDimensions": {"y": dimension}}}}
    return json.dumps({"terms": terms, "publicationDate": day})


@pytest.mark.parametrize(
    ("products", "usd", "source"),
    [
        ([product("1.006")], 1.006, "AWS price list of 2026-11-20"),
        ([product("1.006"), product("0.0")], 1.006, "2026-11-20"),  # a reservation's is zero
        ([product("1.006"), product("2.0")], None, "2 prices"),
        ([product("1.006", unit="Quantity")], None, "no prices"),
        ([], None, "no prices of g5.xlarge"),
    ],
)
def test_a_price_is_known_or_it_is_not(products, usd, source):
    price = read_products(products, "g5.xlarge")
    assert price.usd_per_h == usd
    assert source in price.source


def test_the_spot_price_is_that_of_the_dearest_zone_now():
    history = [
        {"InstanceType": "g5.xlarge", "AvailabilityZone": z, "SpotPrice": p, "Timestamp": t}
        for z, p, t in [("a", "0.9", 1), ("a", "0.3", 2), ("b", "0.4", 2)]
    ]
    assert read_spot(history, "g5.xlarge").usd_per_h == 0.4
    assert read_spot(history, "g6.xlarge").usd_per_h is None


# -- cost and limits -------------------------------------------------------------------------


def rental(launched_at=0.0, usd=1.0, dearest=2.0, spent=0.0):
    return Rental(
        instance="i-1",
        kind="g5.xlarge",
        usd_per_h=usd,
        dearest_usd_per_h=dearest,
        launched_at=launched_at,
        spent_usd=spent,
    )


@pytest.mark.parametrize(
    ("rentals", "now", "max_usd", "expected_h"),
    [
        ([rental(HOUR_S)], HOUR_S, 10.0, 6.0),  # 5 h at 2 USD
        ([rental(HOUR_S)], 4 * HOUR_S, 10.0, 6.0),  # it does not move with time
        ([rental(HOUR_S), rental(HOUR_S)], HOUR_S, 10.0, 3.5),
        ([rental(HOUR_S), rental(3 * HOUR_S)], 3 * HOUR_S, 10.0, 4.5),  # 4 of 10 are spent
        ([rental(0.0)], HOUR_S, 10.0, 6.0),  # to be launched now
        ([rental(HOUR_S, spent=4.0)], HOUR_S, 10.0, 4.0),  # an instance before it cost 4
        ([rental(HOUR_S)], HOUR_S, None, 25.0),  # max_age
        ([rental(HOUR_S, dearest=None)], HOUR_S, 10.0, 25.0),
        ([rental(HOUR_S), Rental(spent_usd=4.0)], HOUR_S, 10.0, 4.0),  # a node that has failed
    ],
)
def test_the_deadline_is_that_of_the_dearest_price(rentals, now, max_usd, expected_h):
    assert deadline(rentals, now, max_usd, 24 * HOUR_S) / HOUR_S == pytest.approx(expected_h)


def test_a_wrong_clock_does_not_move_the_stopwatch():
    settings = settings_of(profile(max_cost=10.0))
    until = until_of(settings, [rental(HOUR_S)], HOUR_S)
    limits = limits_of("c", until, 7200.0, HOUR_S, is_spot=False)
    assert limits.life_s == pytest.approx(5 * HOUR_S)
    assert "max_cost of 10.00 USD" in limits.why


def node(name, rental, status=Status.RUNNING):
    machine = Machine("u@h", rental=rental)
    return NodeState(name, "gpu", 1, 0.0, status, 1, machine=machine)


def test_cost_so_far_and_per_hour():
    nodes = [node("a", rental(HOUR_S)), node("b", rental(2 * HOUR_S, spent=0.5))]
    cost = cost_of(nodes, 3 * HOUR_S, 5.0)
    assert cost.usd == pytest.approx(2 + 1 + 0.5)
    assert cost.usd_per_h == 2.0
    assert not cost.is_warning
    assert cost_of(nodes, 3.5 * HOUR_S, 5.0).is_warning
    meter = meter_of(nodes, 5.0)
    later = (3 * HOUR_S - meter.at) / HOUR_S * meter.usd_per_h + meter.usd
    assert later == pytest.approx(cost.usd)
    assert cost_of([node("a", rental(HOUR_S, usd=None))], 2 * HOUR_S).usd is None
    assert cost_of([NodeState("x", "p", 1, 0.0, Status.RUNNING, 1)], 0.0) is None


def test_nodes_that_a_cluster_has_no_more_have_cost_something():
    nodes = [node("a", rental(HOUR_S))]
    cost = cost_of(nodes, 2 * HOUR_S, 10.0, spent_usd=4.0)
    assert cost.usd == pytest.approx(5.0)
    assert cost.ends_at == pytest.approx(4 * HOUR_S)  # 3 h at 2 USD
    meter = meter_of(nodes, 10.0, spent_usd=4.0)
    assert (meter.usd, meter.ends_at) == (4.0, cost.ends_at)
    until = until_of(settings_of(profile(max_cost=10.0)), [rental(HOUR_S)], HOUR_S, 4.0)
    assert until.at == cost.ends_at


def test_a_price_is_asked_for_only_of_what_runs():
    settings = settings_of(profile(max_cost=10.0))
    require_known(settings, [rental(HOUR_S), Rental(spent_usd=1.0)])
    with pytest.raises(AwsError, match=r"price of g5.xlarge[\s\S]*is not known"):
        require_known(settings, [rental(HOUR_S, dearest=None)])


def test_what_ended_is_not_forgotten_in_the_sum():
    assert ended(rental(HOUR_S, spent=1.0), 3 * HOUR_S).spent_usd == pytest.approx(5.0)


def test_a_quote_for_people():
    pool = QuotedPool(
        "gpu",
        "g5.xlarge",
        2,
        is_spot=True,
        usd_per_h=0.4,
        dearest_usd_per_h=1.0,
        source="spot price of today",
    )
    quote = Quote("us-east-1", (pool,), 10.0, 7 * 86400.0)
    text = "\n".join(quote.lines())
    assert "2 x g5.xlarge (spot), pool gpu: 0.40 USD an hour each" in text
    assert "together 0.80 USD an hour" in text
    assert "max_cost of 10.00 USD allows 5.0 h" in text
    assert quote.lasts_s == pytest.approx(5 * HOUR_S)
    pool = replace(pool, usd_per_h=None, dearest_usd_per_h=None)
    unknown = Quote("r", (pool,), 10.0, 1.0)
    assert "an unknown price" in "\n".join(unknown.lines())
    assert "cannot be kept" in "\n".join(unknown.lines())
