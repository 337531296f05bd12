"""What the API takes and gives of repairs, with limits and examples."""

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Integer, List, String
from apiflask.validators import Length, Range

from webapp.api.learned_schema import Learned
from webapp.api.order_schemas import NAME

_ID = Length(1, 64)
_MOST = Length(max=100_000)


class NewRepair(Schema):
    """What is dropped and relabelled: what is confirmed in a finding, or images that are named."""

    name = String(required=True, validate=NAME)
    finding_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={
            "description": "A finding: what is confirmed of it is repaired. Then all below but epochs is left out."
        },
    )
    dataset_id = String(
        load_default=None, allow_none=True, validate=_ID, metadata={"description": "The suspected data set."}
    )
    classifier_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={"description": "The classifier that was trained on it."},
    )
    drop = List(
        Integer(validate=Range(min=0)),
        load_default=None,
        allow_none=True,
        validate=_MOST,
        metadata={"description": "Numbers of the images that no split shall have any more."},
    )
    relabel = Dict(
        keys=String(validate=Length(1, 9)),
        values=String(validate=Length(1, 200)),
        load_default=None,
        allow_none=True,
        validate=_MOST,
        metadata={"description": "The true class of each image to be relabelled, by its name or number."},
    )
    trusted_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={"description": "Images that somebody vouches for; the finder is shown them before and after."},
    )
    epochs = Integer(
        load_default=None,
        allow_none=True,
        validate=Range(1, 500),
        metadata={"description": "Of the new training; null: as the classifier of before was trained."},
    )


class RepairTold(Learned):
    """What a repair gained."""

    id = String()
    name = String()
    dataset_id = String(metadata={"description": "The suspected data set."})
    repaired_id = String(metadata={"description": "The repaired one."})
    finding_id = String(allow_none=True)
    trusted_id = String(allow_none=True)
    classes = List(String())
    n_dropped = Integer()
    n_relabelled = Integer()
    dropped = List(Dict(), metadata={"description": "Item, name and label of each."})
    relabelled = List(Dict(), metadata={"description": "Item and name of each, with the labels from and to."})
    counts = Dict(metadata={"description": "Training images of each class, before and after."})
    alike = Boolean(metadata={"description": "Whether both classifiers were trained with the same settings."})
    before = Dict(metadata={"description": "The classifier of before: classifier_id, report, predicted, history."})
    after = Dict(metadata={"description": "The same of the classifier of the repaired data."})
    trigger_before = Dict(metadata={"description": "Only where the lab knows the backdoor: what its trigger does."})
    trigger_after = Dict(metadata={"description": "The same after the repair."})
    truth = Dict(metadata={"description": "Only where the lab poisoned the data: what became of the poisoned images."})
    finder = String(metadata={"description": "The finder that was asked before and after."})
    flagged_before = Dict(metadata={"description": "What it flags of the suspected data, with 95 % intervals."})
    flagged_after = Dict(metadata={"description": "The same of the repaired data."})
    analysis = List(String())


NAMED_EXAMPLE = {
    "name": "Three images mended",
    "dataset_id": "0123456789abcdef",
    "classifier_id": "fedcba9876543210",
    "drop": [3, 99],
    "relabel": {"40": "4"},
}
