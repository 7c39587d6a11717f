"""Copy XMP data, without what describes the old file: orientation, size, thumbnails, attached films and depth maps."""

from __future__ import annotations

from xml.dom import minidom

__all__ = ["cleaned"]

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_LONGEST = 1 << 20  # bytes; real packets have a few thousand
_XMP, _NOTE = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xmp/note/"
_PROPERTIES = {
    *((_TIFF, name) for name in ("Orientation", "ImageWidth", "ImageLength", "BitsPerSample", "Compression")),
    *((_TIFF, name) for name in ("PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration")),
    *((_TIFF, name) for name in ("YCbCrSubSampling", "YCbCrPositioning", "NativeDigest")),
    *((_EXIF, name) for name in ("PixelXDimension", "PixelYDimension", "ColorSpace", "NativeDigest", "MakerNote")),
    (_XMP, "Thumbnails"),
    (_NOTE, "HasExtendedXMP"),
    ("http://ns.adobe.com/photoshop/1.0/", "ICCProfile"),
}
# Everything in these is about bytes of the old file, or about how a raw picture was developed.
_NAMESPACES = (
    "http://ns.adobe.com/camera-raw-settings/",
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.apple.com/HDRGainMap/",
    "http://ns.apple.com/pixeldatainfo/",
    "http://ns.google.com/photos/",
)


def cleaned(xmp: bytes) -> bytes:
    """Copy an XMP packet, without what describes the old file or shows the original.

    Args:
        xmp: XML in UTF-8, UTF-16 or UTF-32.

    Returns:
        XML in UTF-8.

    Raises:
        ValueError: the packet is huge, or declares entities, which no XMP does.
        xml.parsers.expat.ExpatError: the XML is damaged.
    """
    if len(xmp) > _LONGEST:
        raise ValueError(f"it has {len(xmp):,} bytes")
    packet = xmp.strip(b"\0 \r\n\t")
    if b"<!" in packet.replace(b"\0", b"").replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        raise ValueError("it declares a document type")
    document = minidom.parseString(packet)
    for element in list(document.getElementsByTagName("*")):
        for attribute in list((element.attributes or {}).values()):
            if _is_of_the_file(attribute.namespaceURI, attribute.localName):
                element.removeAttributeNode(attribute)
        if _is_of_the_file(element.namespaceURI, element.localName) and element.parentNode is not None:
            element.parentNode.removeChild(element)
    return "".join(node.toxml() for node in document.childNodes).encode()


def _is_of_the_file(namespace: str | None, name: str | None) -> bool:
    return (namespace, name) in _PROPERTIES or (namespace or "").startswith(_NAMESPACES)
