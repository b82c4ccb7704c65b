"""Content types by file extension, and names for links that have none."""

from __future__ import annotations

DEFAULT = "application/octet-stream"

# Written out because `mimetypes` reads the machine's tables: the same file must be served alike everywhere.
_TYPES = {
    "7z": "application/x-7z-compressed", "aac": "audio/aac", "apk": "application/vnd.android.package-archive",
    "avi": "video/x-msvideo", "avif": "image/avif", "bin": DEFAULT, "bmp": "image/bmp", "bz2": "application/x-bzip2",
    "css": "text/css", "csv": "text/csv", "deb": "application/vnd.debian.binary-package",
    "dmg": "application/x-apple-diskimage", "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip", "exe": "application/vnd.microsoft.portable-executable", "flac": "audio/flac",
    "flv": "video/x-flv", "gif": "image/gif", "gz": "application/gzip", "htm": "text/html", "html": "text/html",
    "ico": "image/vnd.microsoft.icon", "ics": "text/calendar", "iso": "application/x-iso9660-image",
    "jar": "application/java-archive", "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript",
    "json": "application/json", "jsonl": "application/jsonl", "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/m4a", "m4v": "video/x-m4v", "md": "text/markdown", "meta4": "application/metalink4+xml",
    "metalink": "application/metalink+xml", "mid": "audio/midi", "mjs": "text/javascript", "mkv": "video/x-matroska",
    "mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4", "mpd": "application/dash+xml",
    "mpeg": "video/mpeg", "mpg": "video/mpeg", "msi": "application/x-msi",
    "odp": "application/vnd.oasis.opendocument.presentation", "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text", "oga": "audio/ogg", "ogg": "audio/ogg", "ogv": "video/ogg",
    "opus": "audio/opus", "otf": "font/otf", "parquet": "application/vnd.apache.parquet", "pdf": "application/pdf",
    "png": "image/png", "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "ps": "application/postscript",
    "rar": "application/vnd.rar", "rpm": "application/x-rpm", "rtf": "application/rtf", "srt": "application/x-subrip",
    "svg": "image/svg+xml", "tar": "application/x-tar", "tgz": "application/gzip", "tif": "image/tiff",
    "tiff": "image/tiff", "torrent": "application/x-bittorrent", "ts": "video/mp2t", "ttf": "font/ttf",
    "txt": "text/plain", "vtt": "text/vtt", "wasm": "application/wasm", "wav": "audio/wav", "weba": "audio/webm",
    "webm": "video/webm", "webp": "image/webp", "whl": "application/zip", "woff": "font/woff", "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml", "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
    "xz": "application/x-xz", "yaml": "application/yaml", "yml": "application/yaml", "zip": "application/zip",
    "zst": "application/zstd",
}  # fmt: skip

# The spelling to prefer where several extensions share a type, and types that servers use under another name.
_EXTENSIONS = {kind: extension for extension, kind in reversed(_TYPES.items())} | {
    DEFAULT: "", "application/gzip": "gz", "application/x-gzip": "gz", "application/x-zip-compressed": "zip",
    "application/zip": "zip", "audio/mp4": "m4a", "audio/ogg": "ogg", "audio/x-m4a": "m4a", "image/jpeg": "jpg",
    "text/html": "html", "text/javascript": "js", "application/javascript": "js", "text/xml": "xml",
    "application/x-yaml": "yaml", "image/tiff": "tiff", "video/mpeg": "mpg",
}  # fmt: skip

HTML = frozenset({"text/html", "application/xhtml+xml"})


def essence(content_type: str) -> str:
    """Give a content type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def content_type(name: str) -> str:
    """Give the content type of a file by its extension."""
    return _TYPES.get(name.rpartition(".")[2].lower(), DEFAULT)


def name_for_type(content_type: str) -> str:
    """Name a file whose link has no name: `index.html`, `download.zip`, `download`."""
    kind = essence(content_type)
    if kind in HTML:
        return "index.html"
    extension = _EXTENSIONS.get(kind, "")
    return f"download.{extension}" if extension else "download"
