/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/servers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "registry/model/check.h"

#define MAX_PORT     65535
#define PRUNE_MARGIN 64 /* entries more than servers, before it is worth it */
#define GONE_S       5  /* who polls is away for a moment after each */

struct entry {
	uint64_t id; /* the key */
	uint32_t n_watches;
	int64_t gone_s;  /* when the last of them ended */
	uint64_t shard;  /* its id, when that was last looked at, … */
	uint64_t placed; /* … and the revision at which it became that */
	bool reported;
	enum server_loaded loaded;
	uint64_t revision;
	bool used[N_DOCUMENT_KINDS];
	char written[N_DOCUMENT_KINDS][DOCUMENT_ETAG_MAX];
	int64_t reported_s;
	char error[SERVERS_WORDS_MAX];
	char version[SERVERS_VERSION_MAX];
	enum server_sync sync; /* as it was last looked at, … */
	int64_t since_s;       /* … and since when */
};

struct servers {
	struct map entries;
};

struct servers *servers_new(uint64_t seed)
{
	struct servers *servers = mem_calloc(1, sizeof(*servers));

	if (servers)
		map_init(&servers->entries, seed);
	return servers;
}

void servers_free(struct servers *servers)
{
	if (!servers)
		return;
	MAP_FOR_EACH (slot, &servers->entries)
		mem_free(slot->value);
	map_fini(&servers->entries);
	mem_free(servers);
}

/* --- entries ----------------------------------------------------------------- */

static struct slice key_of(const uint64_t *id)
{
	return slice_make((const char *)id, sizeof(*id));
}

static struct entry *find(const struct servers *servers, uint64_t id)
{
	return map_get(&servers->entries, key_of(&id));
}

static struct entry *find_or_add(struct servers *servers, uint64_t id)
{
	struct entry *entry = find(servers, id);

	if (entry)
		return entry;
	entry = mem_calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->id = id;
	if (map_set(&servers->entries, key_of(&entry->id), entry) < 0) {
		mem_free(entry);
		return NULL;
	}
	return entry;
}

static struct entry *find_gone(const struct servers *servers,
                               const struct model *model)
{
	MAP_FOR_EACH (slot, &servers->entries) {
		struct entry *entry = slot->value;

		if (entry->n_watches == 0 &&
		    !model_find(model, KIND_SERVER, entry->id))
			return entry;
	}
	return NULL;
}

void servers_prune(struct servers *servers, const struct model *model)
{
	struct entry *entry;

	if (servers->entries.n <=
	    (size_t)model_count(model, KIND_SERVER) + PRUNE_MARGIN)
		return;
	while ((entry = find_gone(servers, model))) {
		(void)map_remove(&servers->entries, key_of(&entry->id));
		mem_free(entry);
	}
}

/* --- what is told ------------------------------------------------------------- */

static void keep(char *out, size_t size, struct slice text)
{
	struct slice cut = text_cut(text, size - 1);

	memcpy(out, cut.p ? cut.p : "", cut.n);
	out[cut.n] = '\0';
}

int servers_report(struct servers *servers, const struct object *object,
                   const struct server_report *report, int64_t now_s)
{
	struct entry *entry = find_or_add(servers, object_id(object));

	if (!entry)
		return -ENOMEM;
	entry->reported = true;
	entry->reported_s = now_s;
	entry->revision = report->revision;
	entry->loaded = report->loaded;
	keep(entry->error, sizeof(entry->error), report->error);
	keep(entry->version, sizeof(entry->version), report->version);
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		entry->used[i] = report->written[i].p != NULL;
		keep(entry->written[i], sizeof(entry->written[i]),
		     report->written[i]);
	}
	return 0;
}

int servers_watched(struct servers *servers, uint64_t id)
{
	struct entry *entry = find_or_add(servers, id);

	if (!entry)
		return -ENOMEM;
	entry->n_watches++;
	return 0;
}

void servers_unwatched(struct servers *servers, uint64_t id, int64_t now_s)
{
	struct entry *entry = find(servers, id);

	if (!entry || entry->n_watches == 0)
		return;
	entry->n_watches--;
	entry->gone_s = now_s;
}

uint64_t servers_placed(struct servers *servers, const struct object *object,
                        uint64_t revision)
{
	struct entry *entry = find(servers, object_id(object));
	uint64_t shard = object_id(object_ref(object, SERVER_SHARD));

	if (!entry)
		return revision;
	if (entry->shard != shard) {
		entry->shard = shard;
		entry->placed = revision;
	}
	return entry->placed;
}

/* --- what is known ------------------------------------------------------------- */

static enum server_sync judge(const struct entry *entry,
                              const struct server_status *status)
{
	if (!entry->reported)
		return SERVER_SILENT;
	if (entry->error[0] || entry->loaded == SERVER_NOT_LOADED)
		return SERVER_FAILED;
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (status->used[i] && !status->written[i])
			return status->connected ? SERVER_BEHIND : SERVER_LOST;
	}
	return SERVER_IN_SYNC;
}

static void compare(const struct entry *entry, const struct object *object,
                    const struct documents *documents,
                    struct server_status *status)
{
	const struct object *shard = object_ref(object, SERVER_SHARD);
	const char *name = object_text(shard, SHARD_NAME);

	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct document *document =
			documents_get(documents, name, (enum document_kind)i);

		if (!document)
			continue;
		if (!entry || !entry->reported || entry->used[i])
			status->wanted =
				MAX(status->wanted, document->revision);
		status->used[i] = entry && entry->used[i];
		status->written[i] =
			status->used[i] &&
			strcmp(entry->written[i], document->etag) == 0;
	}
}

void servers_status(struct servers *servers, const struct object *object,
                    const struct documents *documents, int64_t now_s,
                    struct server_status *status)
{
	struct entry *entry = find(servers, object_id(object));

	*status = (struct server_status){ .error = "", .version = "" };
	compare(entry, object, documents, status);
	if (!entry)
		return;
	status->reported = entry->reported;
	status->connected =
		entry->n_watches > 0 ||
		(entry->gone_s > 0 && now_s - entry->gone_s < GONE_S);
	status->loaded = entry->loaded;
	status->revision = entry->revision;
	status->reported_s = entry->reported_s;
	status->error = entry->error;
	status->version = entry->version;
	status->sync = judge(entry, status);
	if (status->sync != entry->sync || entry->since_s == 0) {
		entry->sync = status->sync;
		entry->since_s = now_s;
	}
	status->since_s = entry->since_s;
}

const char *server_sync_name(enum server_sync sync)
{
	static const char *const names[] = {
		[SERVER_SILENT] = "unknown", [SERVER_IN_SYNC] = "in_sync",
		[SERVER_BEHIND] = "behind",  [SERVER_LOST] = "lost",
		[SERVER_FAILED] = "failed",
	};

	return names[sync];
}

const char *server_sync_words(const struct server_status *status)
{
	switch (status->sync) {
	case SERVER_IN_SYNC:
		return "";
	case SERVER_BEHIND:
		return "its worker is about to hand over what is new";
	case SERVER_LOST:
		return "its worker is not connected any more, and there is "
		       "something new: is bouncer worker running there?";
	case SERVER_FAILED:
		return status->error[0]
		               ? status->error
		               : "its last reload failed; its log says why";
	case SERVER_SILENT:
	default:
		return "no worker has told anything of it: it fetches by "
		       "itself (http_sd_configs), or bouncer worker does "
		       "not run there";
	}
}

const char *server_missing(const struct server_status *status,
                           char out[SERVER_MISSING_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (!status->used[i] || status->written[i])
			continue;
		n += (size_t)snprintf(
			out + n, SERVER_MISSING_MAX - n, "%s%s", n ? ", " : "",
			document_kind_name((enum document_kind)i));
	}
	return out;
}

static void write_time(struct json_writer *json, const char *name, int64_t at_s)
{
	json_write_key(json, name);
	if (at_s)
		json_write_i64(json, at_s);
	else
		json_write_null(json);
}

static void write_documents(struct json_writer *json,
                            const struct server_status *status)
{
	json_write_key(json, "written");
	json_write_object(json);
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (!status->used[i])
			continue;
		json_write_key(json, document_kind_name((enum document_kind)i));
		json_write_bool(json, status->written[i]);
	}
	json_write_object_end(json);
}

void server_status_write(struct json_writer *json,
                         const struct server_status *status, int64_t now_s)
{
	json_write_key(json, "sync");
	json_write_string(json, server_sync_name(status->sync));
	json_write_key(json, "in_sync");
	json_write_bool(json, status->sync == SERVER_IN_SYNC);
	json_write_key(json, "connected");
	json_write_bool(json, status->connected);
	json_write_key(json, "wanted_revision");
	json_write_u64(json, status->wanted);
	json_write_key(json, "revision");
	json_write_u64(json, status->revision);
	write_documents(json, status);
	json_write_key(json, "loaded");
	if (status->loaded == SERVER_LOADED_UNKNOWN)
		json_write_null(json);
	else
		json_write_bool(json, status->loaded == SERVER_LOADED);
	json_write_key(json, "error");
	json_write_string(json, status->error);
	json_write_key(json, "explanation");
	json_write_string(json, server_sync_words(status));
	json_write_key(json, "version");
	json_write_string(json, status->version);
	write_time(json, "reported_at", status->reported_s);
	json_write_key(json, "age_seconds");
	if (status->reported_s)
		json_write_i64(json, MAX(now_s - status->reported_s, 0));
	else
		json_write_null(json);
	write_time(json, "since", status->since_s);
}

const char *server_name(const struct object *object, char *out)
{
	const char *host = object_text(object, SERVER_HOST);
	bool ipv6 = strchr(host, ':') != NULL;

	(void)snprintf(out, SERVER_NAME_MAX, "%s%.254s%s:%" PRId64,
	               ipv6 ? "[" : "", host, ipv6 ? "]" : "",
	               object_number(object, SERVER_PORT));
	return out;
}

/* --- by name -------------------------------------------------------------------- */

/* HOST of HOST:PORT, as servers keep it; 0 of *portp: there is none. */
static int split(const char *name, char host[CHECK_HOST_MAX + 1],
                 int64_t *portp)
{
	struct slice text = slice_from(name);
	const char *colon = strrchr(name, ':');
	uint64_t port = 0;

	*portp = 0;
	if (name[0] == '[' ? (colon && colon[-1] == ']')
	                   : (colon && strchr(name, ':') == colon)) {
		if (number_parse_u64(slice_from(colon + 1), &port) < 0 ||
		    port == 0 || port > MAX_PORT)
			return -EINVAL;
		text.n = (size_t)(colon - name);
	}
	if (text.n > 1 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = slice_make(text.p + 1, text.n - 2);
	if (text.n == 0 || !host_canonical(text, host))
		return -EINVAL;
	*portp = (int64_t)port;
	return 0;
}

/* The only one on that host, whatever its case; with *severalp there are more.
 * @port: 0: any */
static struct object *find_on_host(const struct model *model, const char *host,
                                   int64_t port, bool *severalp)
{
	struct object *found = NULL;

	*severalp = false;
	MODEL_FOR_EACH(server, model, KIND_SERVER)
	{
		if (strcasecmp(object_text(server, SERVER_HOST), host) != 0 ||
		    (port && object_number(server, SERVER_PORT) != port))
			continue;
		*severalp = found != NULL;
		found = server;
	}
	return *severalp ? NULL : found;
}

struct object *servers_find(const struct model *model, const char *name,
                            struct err *err)
{
	struct object *found = NULL;
	char host[CHECK_HOST_MAX + 1];
	bool several = false;
	int64_t port;

	if (split(name, host, &port) < 0) {
		(void)err_set(err, -EINVAL,
		              "a server is named HOST:PORT, not %.64s", name);
		return NULL;
	}
	if (port) {
		const union value key[] = { { .text = host },
			                    { .number = port } };

		found = model_find_key(model, KIND_SERVER, 0, key);
	}
	if (!found)
		found = find_on_host(model, host, port, &several);
	if (found)
		return found;
	if (several)
		(void)err_set(err, -ENOENT,
		              "there are several servers on %.64s; name one "
		              "with its port",
		              host);
	else
		(void)err_set(err, -ENOENT,
		              "there is no server %.64s; make it known: "
		              "bouncer register-server SHARD HOST PORT",
		              name);
	return NULL;
}
