"""What the pipeline refuses, each with a sentence of the found value, the allowed one and the next step.

PipelineError (a ValueError)
├── UnknownArtefact        no artefact, or more than one, answers to an id
├── BadAttack              an attack or its parameters are not ones we have
├── BadRecipe              a recipe of an adversarial set cannot be carried out
├── MissingShard           a part of an adversarial set has not been built
├── BadClassifier          a classifier is damaged, of another shape, or gives no numbers
│   ├── MissingWeights     ImageNet weights are not on this machine
│   └── RefusedFormat      a classifier's file is of a kind that is not imported
├── BadDevice              torch knows no such device, or this machine has none
├── BadTraining            a training cannot begin or go on: its settings, its images or its loss
├── BadPoison              a poisoning cannot be carried out, or a repair of it
├── BadDetector            a detector cannot be trained, opened or judged
│   ├── NoReport           a detector was never judged
│   ├── BadCalibration     scans that a detector cannot be calibrated on
│   └── NotEnoughClean     too few clean calibration scans for the false-alarm rate asked for
├── BadGate                a gate is damaged, or could not be compiled
│   ├── BadRate            the rates asked of a gate are out of their range
│   └── BadStrip           what is asked of STRIP in a gate cannot be had
├── BrokenHistory          an artefact or its signed history was changed, or cannot be checked
└── NoHistory              an artefact has no history: removed, or made before histories were kept
"""


class PipelineError(ValueError):
    """Root of all that the pipeline refuses; its message is fit for the person who asked."""


class UnknownArtefact(PipelineError):
    """No artefact, or more than one, answers to the id."""


class BadClassifier(PipelineError):
    """A classifier cannot be used: its file, its shape or its numbers."""


class MissingWeights(BadClassifier):
    """ImageNet weights were asked for and are not on this machine."""


class RefusedFormat(BadClassifier):
    """A classifier's file is of a kind that is not imported."""


class BadAttack(PipelineError):
    """An attack, its parameters or its batch are not allowed."""


class BadRecipe(PipelineError):
    """A recipe cannot be carried out on this data set."""


class MissingShard(PipelineError):
    """An adversarial set lacks a part that has not been built."""


class BadDevice(PipelineError):
    """A device is not one that torch can use here."""


class BadTraining(PipelineError):
    """A training cannot begin or go on: its settings, its images or its loss."""


class BadPoison(PipelineError):
    """A poisoning cannot be carried out: its recipe, its classes or its images; or a repair of one."""


class BadDetector(PipelineError):
    """A detector cannot be trained, opened or judged: its settings, its images or its files."""


class NoReport(BadDetector):
    """A detector has no report, since it was never judged."""


class BadCalibration(BadDetector):
    """Scans that a detector cannot be calibrated on: learned from, of another size, or the ones that it has."""


class NotEnoughClean(BadDetector):
    """Too few clean calibration scans for the false-alarm rate asked for.

    Attributes:
        supported_alpha: The smallest offered rate that the scans do support, None where there is none.
    """

    def __init__(self, message: str, *, supported_alpha: float | None = None) -> None:
        super().__init__(message)
        self.supported_alpha = supported_alpha


class BadGate(PipelineError):
    """A gate is damaged, or could not be compiled."""


class BadRate(BadGate):
    """The rates asked of a gate are out of their range."""


class BadStrip(BadGate):
    """What is asked of STRIP in a gate cannot be had: too many overlays, a rate out of range, scans that are gone."""


class BrokenHistory(PipelineError):
    """An artefact is not what its signed history says, or the history itself is not whole."""


class NoHistory(PipelineError):
    """An artefact has no history: it was removed, or the artefact was made before histories were kept."""
