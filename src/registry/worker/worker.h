/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: beside a Prometheus, hands it what the registry has for it.
 *
 *     watch ──▶ fetch ──▶ a file, rules and a reload, files of nodes
 *                                   └──▶ report ──▶ the registry
 *
 * What is wanted is heard of at once; a burst of edits becomes one write for
 * each kind. Files are never removed because something is missing: only what
 * the registry has as a whole document takes their place. Nothing but what is
 * named in the options is touched, and what is beside it: PATH.tmp while it is
 * written, the last good rules in PATH.good, and PATH.lock, which keeps a second
 * worker from the same path (of nodes the directory is locked itself).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"

#define WORKER_QUIET_MS 15   /* without news, before anything is fetched */
#define WORKER_BURST_MS 1000 /* but no longer than this */
#define WORKER_MODE     0644

struct http_client;
struct worker;

struct worker_options {
	uv_loop_t *loop;
	const struct log *log;
	struct http_client *client;
	uint64_t seed;
	const char *server;     /* as the registry knows it: "prom1:9090" */
	const char *registry;   /* URL */
	const char *token_file; /* NULL: none */
	const char *prometheus; /* URL; NULL: http://SERVER */
	const char *targets;    /* files; NULL: not wanted */
	const char *urls;
	const char *rules;
	const char *nodes; /* a directory */
	int mode;          /* of files, exactly, if the umask is 0 */
	bool once;         /* until all is as it should be, or failed */
	uint64_t retry_ms; /* of bad rules; 0: RULES_RETRY_MS */
	/* What worker_status() says has changed; NULL. Not from inside
	 * worker_open(). */
	void (*changed)(void *context);
	/* With @once: it is over. @err code 0: all is as it should be. */
	void (*finished)(void *context, const struct err *err);
	void *context; /* all text is borrowed for the worker's life */
};

/* Looks at the files that are there, which blocks, and begins. 0, or negative:
 * -ENOMEM, others with words (-EBUSY: another worker has one of them). If *workerp is set, which it was not before, it
 * is to be closed, also then. */
int worker_open(const struct worker_options *options, struct worker **workerp,
                struct err *err) MUST_CHECK;
/* Everything is fetched and compared again, also with what is on disk. */
void worker_again(struct worker *worker);
/* What is being written will be, the rest is given up. @closed once, from the
 * loop; the worker is gone then. */
void worker_close(struct worker *worker, void (*closed)(void *context),
                  void *context);

struct worker_status {
	bool connected;    /* to the registry */
	uint64_t revision; /* that is wanted */
	const char *shard; /* "" as long as it is not known */
	bool settled;      /* all that is wanted is there, and loaded */
	const char *error; /* the first thing that is wrong; "" */
};

/* Text is borrowed until the loop turns. */
void worker_status(const struct worker *worker, struct worker_status *status);
