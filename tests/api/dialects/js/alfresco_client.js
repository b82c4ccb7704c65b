// Drives the public client @alfresco/js-api, unchanged. Arguments: host, user, password, node id, another node id.
// Prints one JSON object with what each call gave; the test compares it.
const { AlfrescoApi, DownloadsApi, NodesApi, ContentApi } = require('@alfresco/js-api');

const [host, user, password, node, other] = process.argv.slice(2);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function refused(promise) {
    try {
        await promise;
    } catch (caught) {
        return { status: caught.status, error: JSON.parse(caught.message).error };
    }
    throw new Error('it was not refused');
}

async function until(downloads, id, status) {
    for (let n = 0; n < 200; n++) {
        const { entry } = await downloads.getDownload(id);
        if (entry.status === status) {
            return entry;
        }
        await pause(50);
    }
    throw new Error(`never ${status}`);
}

async function main() {
    const api = new AlfrescoApi({ hostEcm: host, provider: 'ECM', authType: 'BASIC' });
    const said = {};
    // The client also rejects a promise of its own that nobody can catch.
    process.once('unhandledRejection', () => {});
    said.badLogin = (await api.login(user, 'wrong').then(() => ({}), (caught) => caught)).status;
    said.ticket = await api.login(user, password);
    const downloads = new DownloadsApi(api);
    const nodes = new NodesApi(api);
    const content = new ContentApi(api);

    said.created = (await downloads.createDownload({ nodeIds: [node, other] })).entry;
    said.done = await until(downloads, said.created.id, 'DONE');
    said.narrow = (await downloads.getDownload(said.created.id, { fields: ['id', 'status'] })).entry;
    said.bytes = (await nodes.getNodeContent(said.created.id)).toString('base64');
    const link = content.getContentUrl(said.created.id, true);
    const linked = await fetch(link, { headers: { Range: 'bytes=0-3' } });
    said.linked = { status: linked.status, text: await linked.text() };
    said.disposition = linked.headers.get('content-disposition');
    await nodes.deleteNode(said.created.id, { permanent: true });
    said.deleted = await refused(downloads.getDownload(said.created.id));

    const second = (await downloads.createDownload({ nodeIds: [other] }, { fields: ['id'] })).entry;
    said.second = Object.keys(second);
    await downloads.cancelDownload(second.id);
    said.cancelled = (await until(downloads, second.id, 'CANCELLED')).status;
    said.duplicate = await refused(downloads.createDownload({ nodeIds: [node, node] }));
    await api.logout();
    said.out = (await downloads.getDownload(second.id).then(() => ({}), (caught) => caught)).status;
    console.log(JSON.stringify(said));
}

main().catch((caught) => {
    console.error(caught);
    process.exit(1);
});
