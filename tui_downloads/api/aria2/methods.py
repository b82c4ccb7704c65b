"""Every method by its name, in the order aria2 lists them."""

from __future__ import annotations

from . import acting, adding, telling
from .calls import Method

METHODS: dict[str, Method] = {
    "aria2.addUri": adding.add_uri,
    "aria2.addTorrent": adding.add_torrent,
    "aria2.getPeers": telling.get_peers,
    "aria2.addMetalink": adding.add_metalink,
    "aria2.remove": acting.remove,
    "aria2.pause": acting.pause,
    "aria2.forcePause": acting.pause,
    "aria2.pauseAll": acting.pause_all,
    "aria2.forcePauseAll": acting.pause_all,
    "aria2.unpause": acting.unpause,
    "aria2.unpauseAll": acting.unpause_all,
    "aria2.forceRemove": acting.remove,
    "aria2.changePosition": acting.change_position,
    "aria2.tellStatus": telling.tell_status,
    "aria2.getUris": telling.get_uris,
    "aria2.getFiles": telling.get_files,
    "aria2.getServers": telling.get_servers,
    "aria2.tellActive": telling.tell_active,
    "aria2.tellWaiting": telling.tell_waiting,
    "aria2.tellStopped": telling.tell_stopped,
    "aria2.getOption": telling.get_option,
    "aria2.changeUri": acting.change_uri,
    "aria2.changeOption": acting.change_option,
    "aria2.getGlobalOption": telling.get_global_option,
    "aria2.changeGlobalOption": acting.change_global_option,
    "aria2.purgeDownloadResult": acting.purge_download_result,
    "aria2.removeDownloadResult": acting.remove_download_result,
    "aria2.getVersion": acting.get_version,
    "aria2.getSessionInfo": acting.get_session_info,
    "aria2.shutdown": acting.shutdown,
    "aria2.forceShutdown": acting.force_shutdown,
    "aria2.getGlobalStat": telling.get_global_stat,
    "aria2.saveSession": acting.save_session,
}
