"""The day's plan: every step after all it stands on, one order for each entity."""

from nostro.departments.operations.day import desks
from nostro.departments.operations.rules import plan


def test_every_step_has_a_desk_and_every_desk_a_step(tmp_path):
    named = {step.name for step in (*plan.HOUSE_PLAN, *plan.FIRM_PLAN)}
    assert set(desks(tmp_path)) == named


def test_a_step_comes_after_everything_it_needs():
    order = list(plan.order([1, 2, 3]))
    assert len(order) == len(set(order)) == len(plan.HOUSE_PLAN) + 3 * len(plan.FIRM_PLAN)
    for place, node in enumerate(order):
        assert plan.needs(node, [1, 2, 3]) <= set(order[:place])


def test_a_firms_steps_form_one_chain_whatever_the_others_do():
    for firms in ([1], [1, 2], [1, 2, 3]):
        chain = [name for entity, name in plan.order(firms) if entity == 1]
        assert chain == [step.name for step in plan.FIRM_PLAN]
        assert [name for entity, name in plan.order(firms) if entity == 0] == [step.name for step in plan.HOUSE_PLAN]


def test_the_house_seals_last():
    assert list(plan.order([1, 2]))[-1] == (0, "seal")
