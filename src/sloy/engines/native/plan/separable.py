"""Depthwise convolutions and the convolutions of one pixel around them in one kernel.

In MobileNetV2's blocks a convolution of one pixel makes six times as many channels, each is convolved by itself, and
another convolution of one pixel makes few channels of them. Where nothing else reads the wide maps, as in use, one
kernel makes them some lines at a time (`csrc/kernels/separable.cpp`): they are never in memory. In training the
gradients read them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sloy.engines.native.instruction import Takes, instruction
from sloy.engines.native.plan.fusion import Fusion, Unit

KERNEL = "conv2d_separable"
WIDE_IMAGE, WIDE_MAPS = 128 << 10, 1 << 20  # numbers; smaller maps stay in the caches
ENDINGS = ("bias", "scale", "residual")  # in the order of the operands


def join_separable(fusion: Fusion, takes: Takes) -> None:
    """Let such convolutions be one unit where `takes` tells that there is a kernel."""
    for number in [n for n, unit in fusion.units.items() if _is_depthwise(fusion, unit)]:
        unit = fusion.units[number]
        stages = {"depthwise": number}
        before = fusion.unit_of.get(unit.operands[0])
        if before is not None and _is_pixelwise(fusion, before) and _leads(fusion, before, number):
            stages = {"expand": before, **stages}
        behind = {fusion.unit_of.get(user) for user in fusion.graph.users[unit.results[0]]}
        after = behind.pop() if len(behind) == 1 else None
        if after is not None and _is_pixelwise(fusion, after) and _leads(fusion, number, after):
            stages["project"] = after
        if len(stages) > 1 and _is_wide(fusion, unit.operands[0]):
            _join(fusion, stages, takes)


def _join(fusion: Fusion, stages: Mapping[str, int], takes: Takes) -> None:
    units = {name: fusion.units[number] for name, number in stages.items()}
    first, *_, last = units.values()
    operands = first.operands[:1] + tuple(k for unit in units.values() for k in unit.operands[1:])
    attributes = {name: units["depthwise"].attributes[name] for name in ("stride", "padding")}
    attributes["program"] = "; ".join(_words(name, unit) for name, unit in units.items())
    read, written = (
        [fusion.graph.nodes[k].spec for k in side] for side in (operands, last.results)
    )
    if not takes(instruction(KERNEL, read, written, attributes)):
        return
    number, *others = stages.values()
    for other in others:  # nothing lies between: the next stage alone reads each result
        fusion.merge(number, other)
    joint = fusion.units[number]
    joint.kernel, joint.attributes = KERNEL, attributes
    joint.operands, joint.results = operands, last.results


def _words(stage: str, unit: Unit) -> str:
    """Such as "expand bias scale relu6"."""
    endings = [name for name in ENDINGS if unit.attributes.get(f"has_{name}")]
    return " ".join(filter(None, (stage, *endings, unit.attributes.get("activation"))))


def _is_wide(fusion: Fusion, value: int) -> bool:
    spec = fusion.graph.nodes[value].spec
    return spec.size >= max(WIDE_MAPS, WIDE_IMAGE * spec.shape[0])


def _is_depthwise(fusion: Fusion, unit: Unit) -> bool:
    if not _is_convolution(fusion, unit) or unit.attributes.get("has_residual"):
        return False
    x, w = (fusion.graph.nodes[k].spec.shape for k in unit.operands[:2])
    return unit.attributes["groups"] == x[-1] == w[-1]


def _is_pixelwise(fusion: Fusion, number: int) -> bool:
    unit = fusion.units[number]
    if not _is_convolution(fusion, unit):
        return False
    window = fusion.graph.nodes[unit.operands[1]].spec.shape[:2]
    told = [unit.attributes[name] for name in ("groups", "stride", "padding")]
    return window == (1, 1) and told == [1, (1, 1), (0, 0, 0, 0)]


def _is_convolution(fusion: Fusion, unit: Unit) -> bool:
    if unit.kernel != "conv2d" or tuple(unit.attributes["dilation"]) != (1, 1):
        return False
    values = (*unit.operands, *unit.results)
    return all(fusion.graph.nodes[k].spec.dtype == "float32" for k in values)


def _leads(fusion: Fusion, first: int, second: int) -> bool:
    """Whether a unit's result is what another convolves, and nothing else reads it."""
    (result,), operands = fusion.units[first].results, fusion.units[second].operands
    alone = all(fusion.unit_of.get(user) == second for user in fusion.graph.users[result])
    return (
        operands[0] == result
        and operands.count(result) == 1
        and alone
        and not fusion.is_root(result)
    )
