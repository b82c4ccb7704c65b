"""What OfflineTube's clients are told, in the language its document uses."""

from __future__ import annotations

from tui_downloads.core.errors import Code

CANCELLED = "Descarga cancelada"
REMOVED = "Descarga eliminada"
NOT_FOUND = "Descarga no encontrada"
NOT_READY = "Descarga no disponible o no completada"
FILE_GONE = "Archivo físico no encontrado"
ENDED = "La descarga ya ha terminado"
SEVERAL = "La descarga tiene varios archivos; indique uno con ?file=N"
BAD_JSON = "El cuerpo de la petición no es un objeto JSON válido"
NO_URL = "Falta el campo url, o no es un texto"
BAD_QUALITY = "El campo quality debe ser uno de: "
BAD_TYPE = "El campo download_type debe ser video o audio"
BAD_FORMAT = "El campo format_id debe ser un texto de hasta 200 caracteres"

STATUSES: dict[int, str] = {
    400: "Petición no válida",
    401: "Se necesita un token válido",
    403: "No tiene permiso para hacer esto",
    404: "No encontrado",
    405: "Método no permitido",
    408: "La petición tardó demasiado",
    409: "El estado de la descarga no lo permite",
    412: "El archivo ha cambiado",
    413: "La petición es demasiado grande",
    414: "La URL es demasiado larga",
    415: "El cuerpo debe ser JSON (Content-Type: application/json)",
    416: "El archivo no tiene ese rango",
    422: "La petición no es válida",
    429: "Demasiados intentos; espere un poco",
    431: "Las cabeceras son demasiado grandes",
    500: "Error interno",
    501: "No está disponible en esta instalación",
    503: "El servicio no está disponible",
    507: "No queda espacio en el disco o no se puede escribir",
}

CODES: dict[Code, str] = {
    Code.INVALID_URL: "La URL no es válida",
    Code.INVALID_OPTION: "Una opción no es válida",
    Code.DOMAIN_BLOCKED: "El dominio está bloqueado",
    Code.ADDRESS_BLOCKED: "La dirección no está permitida",
    Code.DOWNLOAD_FORBIDDEN: "No tiene permiso para hacer esto",
    Code.DOWNLOAD_TIMEOUT: "La descarga agotó su tiempo",
    Code.REMOTE_FILE_NOT_FOUND: "El archivo remoto no existe",
    Code.NETWORK_ERROR: "Error de red",
    Code.DNS_ERROR: "No se encuentra el servidor",
    Code.STALLED: "El servidor dejó de enviar datos",
    Code.TRUNCATED: "El servidor cortó la transferencia",
    Code.PROXY_ERROR: "Error del proxy",
    Code.PROXY_AUTH_REQUIRED: "El proxy pide usuario y contraseña",
    Code.TLS_ERROR: "El certificado del servidor no es válido",
    Code.HOST_KEY_UNKNOWN: "La clave del servidor no es conocida",
    Code.AUTH_REQUIRED: "El servidor pide usuario y contraseña",
    Code.RATE_LIMITED: "El servidor recibe demasiadas peticiones",
    Code.SERVER_ERROR: "Error del servidor remoto",
    Code.HTTP_REFUSED: "El servidor rechaza la petición",
    Code.REDIRECT_ERROR: "La redirección no se puede seguir",
    Code.PROTOCOL_ERROR: "La respuesta del servidor no tiene sentido",
    Code.NOT_A_FILE: "La URL no lleva a un archivo",
    Code.UNEXPECTED_CONTENT: "El servidor envió otra cosa",
    Code.REMOTE_CHANGED: "El archivo remoto ha cambiado",
    Code.CHECKSUM_MISMATCH: "La suma de verificación no coincide",
    Code.SOURCE_INVALID: "El contenido de la URL no se puede usar",
    Code.DEPENDENCY_MISSING: "Falta un programa necesario en el servidor",
    Code.DISK_FULL: "No queda espacio en el disco",
    Code.DISK_ERROR: "Error del disco",
    Code.FOLDER_UNUSABLE: "La carpeta no se puede usar",
    Code.FILE_TOO_LARGE: "El archivo es demasiado grande",
    Code.FILE_EXISTS: "El archivo ya existe",
    Code.PART_LOST: "Se perdió la parte descargada",
    Code.IN_USE: "El archivo está en uso",
    Code.INTERRUPTED: "La descarga se interrumpió",
    Code.NOT_FOUND: NOT_FOUND,
    Code.INVALID_STATE: "El estado de la descarga no lo permite",
    Code.DUPLICATE: "La descarga ya existe",
    Code.QUOTA_EXCEEDED: "Su cuota está agotada",
    Code.UNAUTHORIZED: "Se necesita un token válido",
    Code.NO_SERVICE: "El servicio no está disponible",
    Code.STATE_UNUSABLE: "El servicio no puede leer su estado",
    Code.INTERNAL: "Error interno",
}
"""Total over the codes; a test says so."""

BY_CODE = frozenset({400, 403, 409, 422, 501, 503, 507})
"""Statuses that the code explains better than the status does."""


def sentence(status: int, code: Code) -> str:
    """Say in Spanish what went wrong."""
    if status in BY_CODE and code is not Code.INVALID_OPTION:
        return CODES[code]
    return STATUSES.get(status) or CODES[code]
