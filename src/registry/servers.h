/* SPDX-License-Identifier: Apache-2.0 */
/*
 * servers: of each Prometheus server, how far it is: what it is to have, what
 * its worker has written, whether that is loaded, what went wrong, and since
 * when. In memory: workers tell it again when the registry was started anew.
 *
 * A server that has no worker may fetch by itself (http_sd_configs): nothing
 * is known of it, which is no failure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/json_writer.h"
#include "registry/model/documents.h"
#include "registry/model/model.h"

#define SERVERS_WORDS_MAX   256 /* bytes of an error that are kept, with NUL */
#define SERVERS_VERSION_MAX 32

struct servers;

enum server_loaded { SERVER_LOADED_UNKNOWN, SERVER_NOT_LOADED, SERVER_LOADED };

/* What a worker tells of itself. */
struct server_report {
	struct slice written[N_DOCUMENT_KINDS]; /* etags; p NULL: not wanted */
	enum server_loaded loaded;
	struct slice error; /* empty: none */
	struct slice version;
	uint64_t revision; /* that it knows of */
};

enum server_sync {
	SERVER_SILENT,  /* no worker has told anything */
	SERVER_IN_SYNC, /* all that it wants is there, and loaded */
	SERVER_BEHIND,  /* something newer is on its way */
	SERVER_LOST,    /* … and no worker is connected to fetch it */
	SERVER_FAILED,  /* it says what went wrong */
};

struct server_status {
	enum server_sync sync;
	bool reported;
	bool connected; /* a worker watches */
	enum server_loaded loaded;
	uint64_t wanted;   /* revision of the newest of its documents */
	uint64_t revision; /* that its worker knows of */
	/* of each kind that its worker wants: is it there? */
	bool used[N_DOCUMENT_KINDS];
	bool written[N_DOCUMENT_KINDS];
	int64_t reported_s; /* Unix time of the last report; 0: none */
	int64_t since_s;    /* when `sync` became what it is; 0: not known */
	const char *error;  /* borrowed until the next report; "" */
	const char *version;
};

struct servers *servers_new(uint64_t seed) MUST_CHECK;
void servers_free(struct servers *servers); /* NULL is fine */

/* @object: of KIND_SERVER. Copies. 0 or -ENOMEM. */
int servers_report(struct servers *servers, const struct object *object,
                   const struct server_report *report,
                   int64_t now_s) MUST_CHECK;
/* A worker of it begins, or ends, to watch. */
int servers_watched(struct servers *servers, uint64_t id) MUST_CHECK;
void servers_unwatched(struct servers *servers, uint64_t id, int64_t now_s);
/* Of one that is watched: the revision from which on it is known to be on its
 * shard; @revision is the present one. */
uint64_t servers_placed(struct servers *servers, const struct object *object,
                        uint64_t revision);

void servers_status(struct servers *servers, const struct object *object,
                    const struct documents *documents, int64_t now_s,
                    struct server_status *status);
/* Nothing is kept of servers that are gone. */
void servers_prune(struct servers *servers, const struct model *model);

/* "in_sync" */
const char *server_sync_name(enum server_sync sync);
/* What is the matter, in words, with a remedy; "" of one in sync. */
const char *server_sync_words(const struct server_status *status);
/* Of the kinds that its worker wants, those that are not there as they are to
 * be: "rules, nodes"; "" if none is missing. */
#define SERVER_MISSING_MAX 64
const char *server_missing(const struct server_status *status,
                           char out[SERVER_MISSING_MAX]);
/* Members of the object that is being written. */
void server_status_write(struct json_writer *json,
                         const struct server_status *status, int64_t now_s);

/* "HOST:PORT", "[IPV6]:PORT". Returns @out. */
#define SERVER_NAME_MAX 300
const char *server_name(const struct object *object, char *out);

/*
 * servers_find() - the server that is called that
 * @name: "HOST:PORT", "[IPV6]:PORT"; or HOST alone, if there is but one there
 *
 * NULL, with words that say what helps.
 */
struct object *servers_find(const struct model *model, const char *name,
                            struct err *err) MUST_CHECK;
