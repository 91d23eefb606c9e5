"""Places of certain kinds of object; other files are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileDataset

from benchmarks.leaks.places import even, item_of, place, put, register_keywords

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.leaks.tokens import Tokens


def _is(*words: str) -> Callable[[Dataset], bool]:
    def applies(dataset: Dataset) -> bool:
        return any(word in dataset.SOPClassUID.name for word in words)

    return applies


register_keywords(
    "presentation state",
    "ContentLabel ContentDescription ContentCreatorName",
    _is("Presentation State", "Segmentation", "Surface", "Parametric"),
)
register_keywords(
    "RT",
    """StructureSetLabel StructureSetName StructureSetDescription RTPlanLabel RTPlanName RTPlanDescription ReviewerName
    TreatmentSites DoseComment PrescriptionDescription RTImageDescription RTImageName TreatmentProtocols
    InstructionDescription TreatmentMachineName""",
    _is("RT "),
)


@place("graphic annotations")
def _graphics(dataset: FileDataset, tokens: Tokens) -> None:
    if not _is("Presentation State")(dataset):
        return
    annotation = item_of(dataset, "GraphicAnnotationSequence")
    annotation.GraphicLayer = tokens.name().upper()
    text = item_of(annotation, "TextObjectSequence")
    text.UnformattedTextValue = tokens.text(1024)
    layer = item_of(dataset, "GraphicLayerSequence")
    layer.GraphicLayer, layer.GraphicLayerDescription = annotation.GraphicLayer, tokens.text()
    put(annotation, "ContentCreatorName", tokens)


@place("segments")
def _segments(dataset: FileDataset, tokens: Tokens) -> None:
    if not _is("Segmentation")(dataset):
        return
    segment = item_of(dataset, "SegmentSequence")
    segment.SegmentLabel = f"lesion of {tokens.name()}^Jane"
    segment.SegmentDescription = tokens.text()
    segment.SegmentAlgorithmName = f"{tokens.name()}^Jane"
    segment.TrackingID, segment.TrackingUID = tokens.name(), tokens.uid()


@place("RT items")
def _rt(dataset: FileDataset, tokens: Tokens) -> None:
    if not _is("RT ")(dataset):
        return
    roi = item_of(dataset, "StructureSetROISequence")
    roi.ROIName, roi.ROIDescription = tokens.of_vr("PN"), tokens.text()
    observation = item_of(dataset, "RTROIObservationsSequence")
    observation.ROIObservationLabel = f"{tokens.name()}^J"
    observation.ROIObservationDescription = tokens.text()
    put(observation, "ROIInterpreter", tokens)
    for keyword in ("BeamSequence", "IonBeamSequence"):
        if keyword in dataset:
            beam = item_of(dataset, keyword)
            beam.BeamName, beam.BeamDescription = f"{tokens.name()}^Jane", tokens.text(1024)
            beam.TreatmentMachineName, beam.InstitutionName = tokens.name(), tokens.name()
    if "DoseReferenceSequence" in dataset:
        item_of(dataset, "DoseReferenceSequence").DoseReferenceDescription = tokens.text()


@place("report content")
def _report(dataset: FileDataset, tokens: Tokens) -> None:
    if not _is(" SR", "Key Object")(dataset):
        return
    values: dict[str, tuple[str, Callable[[], str]]] = {
        "PNAME": ("PersonName", lambda: tokens.of_vr("PN")),
        "TEXT": ("TextValue", lambda: f"Reported by {tokens.name()}, tel {tokens.phone()}"),
        "DATE": ("Date", tokens.date),
        "DATETIME": ("DateTime", lambda: tokens.date() + "101112"),
        "UIDREF": ("UID", tokens.uid),
    }
    for value_type, (keyword, make) in values.items():
        item = Dataset()
        item.RelationshipType, item.ValueType = "HAS OBS CONTEXT", value_type
        name = Dataset()
        name.CodeValue, name.CodingSchemeDesignator = "121008", "DCM"
        name.CodeMeaning = "Person Observer Name"
        item.ConceptNameCodeSequence = [name]
        setattr(item, keyword, make())
        dataset.ContentSequence.append(item)
    observer = item_of(dataset, "VerifyingObserverSequence")
    observer.VerifyingObserverName, observer.VerifyingOrganization = tokens.of_vr("PN"), tokens.text()
    observer.VerificationDateTime = tokens.date() + "101112"
    put(item_of(dataset, "AuthorObserverSequence"), "PersonName", tokens)


@place("frames")
def _frames(dataset: FileDataset, tokens: Tokens) -> None:
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        return
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        content = item_of(frame, "FrameContentSequence")
        content.FrameComments, content.FrameLabel = tokens.text(), f"{tokens.name()}^J"
        content.FrameAcquisitionDateTime = tokens.date() + "101112"
        content.FrameReferenceDateTime = tokens.date() + "101112"
        reference = item_of(frame, "ReferencedImageSequence")
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = dataset.SOPClassUID, tokens.uid()


@place("waveforms")
def _waveform(dataset: FileDataset, tokens: Tokens) -> None:
    if "WaveformSequence" not in dataset:
        return
    annotation = Dataset()
    annotation.UnformattedTextValue = tokens.text(1024)
    dataset.WaveformAnnotationSequence = [annotation]
    group = item_of(dataset, "WaveformSequence")
    group.MultiplexGroupLabel = f"{tokens.name()}^J"
    channel = item_of(group, "ChannelDefinitionSequence")
    channel.ChannelLabel = f"{tokens.name()}^J"


@place("encapsulated documents")
def _document(dataset: FileDataset, tokens: Tokens) -> None:
    if not _is("Encapsulated")(dataset):
        return
    dataset.EncapsulatedDocument = even(bytes(dataset.EncapsulatedDocument) + f"\n% {tokens.name()}\n".encode())
    dataset.DocumentTitle = tokens.text()


@place("key objects")
def _key_object(dataset: FileDataset, tokens: Tokens) -> None:
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        if keyword in dataset:
            study = item_of(dataset, keyword)
            study.StudyInstanceUID = tokens.uid()
            series = item_of(study, "ReferencedSeriesSequence")
            series.SeriesInstanceUID = tokens.uid()
            series.RetrieveAETitle = tokens.name().upper()
            item_of(series, "ReferencedSOPSequence").ReferencedSOPInstanceUID = tokens.uid()


@place("image regions and colour profiles")
def _profile(dataset: FileDataset, tokens: Tokens) -> None:
    if dataset.get("SamplesPerPixel") == 3:
        dataset.ICCProfile = _icc(tokens.name())


def _icc(text: str) -> bytes:
    """A colour profile's head and one text tag (ICC.1:2010, 7.2 and 10.24), as cameras write their owner into it."""
    tag = b"text\0\0\0\0" + f"Copyright {text}".encode() + b"\0"
    tag += b"\0" * (-len(tag) % 4)
    table = (1).to_bytes(4, "big") + b"cprt" + (144).to_bytes(4, "big") + len(tag).to_bytes(4, "big")
    size = 128 + len(table) + len(tag)
    head = size.to_bytes(4, "big") + b"lcms\2\x10\0\0scnrRGB XYZ " + b"\0" * 12 + b"acsp" + b"\0" * 88
    return head + table + tag
