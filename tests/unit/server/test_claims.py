"""Which of several pages saves what a run has shown."""

from jupyter_scale.server.claims import GRACE_S, Claim, Claims


def made(*pages):
    claims = Claims()
    for page in pages:
        claims.enter(page)
    return claims


def ask(claims, page, now=0.0, *, has_changes=False, run="r"):
    return claims.claim(run, Claim(page, has_changes), now)


def test_the_first_that_asks_and_of_each_run_one():
    claims = made("a", "b")
    assert ask(claims, "a")
    assert not ask(claims, "b")
    assert ask(claims, "a")
    assert ask(claims, "b", run="other")


def test_one_that_has_to_save_anyhow_comes_first():
    claims = made("a", "b", "c")
    assert ask(claims, "a")
    assert ask(claims, "b", has_changes=True)
    assert not ask(claims, "a")
    assert not ask(claims, "c", has_changes=True)


def test_a_page_that_was_closed_holds_nothing():
    claims = made("a", "b")
    assert ask(claims, "a")
    claims.leave("a", 1.0, is_cut=False)
    assert ask(claims, "b", 1.0)


def test_a_connection_that_was_cut_is_waited_for():
    claims = made("a", "b")
    assert ask(claims, "a")
    claims.leave("a", 1.0, is_cut=True)
    assert not ask(claims, "b", GRACE_S)
    claims.enter("a")
    assert not ask(claims, "b", 100.0)
    claims.leave("a", 200.0, is_cut=True)
    assert ask(claims, "b", 200.0 + GRACE_S)


def test_a_page_with_two_connections_has_gone_with_the_last():
    claims = made("a", "a", "b")
    assert ask(claims, "a")
    claims.leave("a", 1.0, is_cut=False)
    assert not ask(claims, "b", 1.0)
    claims.leave("a", 2.0, is_cut=False)
    assert ask(claims, "b", 2.0)


def test_a_page_that_was_never_here_does_not_keep_others_from_saving():
    claims = made("b")
    assert ask(claims, "a")
    assert ask(claims, "b")


def test_claims_do_not_pile_up():
    claims = made("a", "b")
    for number in range(1001):
        assert ask(claims, "a", run=str(number))
    assert ask(claims, "b", run="0")
    assert not ask(claims, "b", run="1000")
