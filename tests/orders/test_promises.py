"""What holds for every combination of wishes and controls."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RANK = ["stat", "asap", "urgent", "routine"]
KEYS = ["MRI_L_WO", "MRI_L_WWO", "XR_L", "XR_L_FLEXEXT", "ESI", "ED_REFERRAL", "LAB_CRP", "PT_REFERRAL"]
BECOMES = {"MRI_L_WO": {"MRI_L_WO", "MRI_L_WWO", "CTM_L"}, "MRI_L_WWO": {"MRI_L_WO", "MRI_L_WWO", "CTM_L"}}
SILENT = {"XR_L_FLEXEXT", "ESI"}  # what pregnancy blocks without asking radiology
RULES = ["R01", "R02", "R03", "R04", "R05", "R11", "R20"]
CONTROLS = [
    "R13.unsafe", "R13.no-contrast", "R13.contrast-unknown", "R13.conditional", "R13.unanswered", "R14.pregnant",
    "R14.no-contrast-mri", "R14.xr", "R14.ionising", "R14.unknown", "R15.renal",
]  # fmt: skip
WISHES = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(RANK), st.sampled_from(RULES)), max_size=6)
ON = st.sets(st.sampled_from(CONTROLS))
EVERY = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EVERY
@given(wishes=WISHES, on=ON)
def test_no_wish_is_lost_or_put_off(bench, want, safety_controls, wishes, on):
    decision = bench.decide(bench.findings([want(*one) for one in wishes], controls=safety_controls(*on)))
    for key, priority, rule in wishes:
        answers = [order for order in decision.orders if order.key in BECOMES.get(key, {key}) and rule in order.rules]
        asked = [review for review in decision.reviews if review.reason == "RADIOLOGY_CONSULT" and rule in review.rules]
        assert answers or asked or key in SILENT
        assert (
            all(RANK.index(found.priority) <= RANK.index(priority) for found in (*answers, *asked)) or len(wishes) > 1
        )


@EVERY
@given(wishes=WISHES, on=ON)
def test_one_draft_per_order_and_nothing_but_drafts(bench, want, safety_controls, of, wishes, on):
    decision = bench.decide(bench.findings([want(*one) for one in wishes], controls=safety_controls(*on)))
    writes = bench.write(decision)
    drafts = of(writes, "ServiceRequest")
    assert {draft["status"] for draft in drafts} <= {"draft"}
    assert all("requester" not in draft for draft in drafts)
    keys = [order.key for order in decision.orders]
    assert len(set(keys)) == len(keys) == len(drafts)
    assert not {"MRI_L_WO", "MRI_L_WWO"} <= set(keys)


@EVERY
@given(wishes=WISHES, on=ON)
def test_the_order_of_wishes_decides_nothing(bench, want, safety_controls, wishes, on):
    def seen(given_in):
        decision = bench.decide(bench.findings([want(*one) for one in given_in], controls=safety_controls(*on)))
        drafts = {(order.key, order.priority, frozenset(order.rules), order.blockers) for order in decision.orders}
        return drafts, decision.flags, {(review.reason, review.priority) for review in decision.reviews}

    assert seen(wishes) == seen(wishes[::-1])


@EVERY
@given(wishes=WISHES, on=ON)
def test_a_stat_order_is_never_held_without_a_way_to_sign_it(bench, want, safety_controls, wishes, on):
    decision = bench.decide(bench.findings([want(*one) for one in wishes], controls=safety_controls(*on)))
    assert {blocker for order in decision.orders for blocker in order.blockers} <= {"mr-screening", "pregnancy-check"}
    assert all(order.key == "CTM_L" for order in decision.orders if order.instead_of and "R13.unsafe" in on)
