/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: what there is to scrape and to alert on, and who is handed it.
 *
 *     edit ──▶ model ──▶ (promtool) ──▶ store ──▶ documents ──▶ watchers
 *
 * An edit is a function that changes the model in a transaction. It is done in
 * memory at once, answered when it is on disk, and rendered and handed out
 * right after. If it concerns rules and there is a promtool, it is done twice:
 * once to ask promtool about the outcome, undone, and done when promtool is
 * content. If the disk fails, the model is read from it again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"
#include "config/config.h"
#include "io/http_server.h"
#include "registry/model/documents.h"
#include "registry/model/model.h"
#include "registry/store/store.h"

#define REGISTRY_MAX_WAITING 10000 /* edits, while the disk fails */
#define REGISTRY_MAX_CHECKS  256   /* edits that wait for promtool, … */
#define REGISTRY_MAX_RUNNING 2     /* … and that it looks at */
#define REGISTRY_CHECK_MS    30000 /* for one of them */
#define REGISTRY_CHECK_BYTES \
	(64u << 20)                 /* of rules that wait for it, at once */
#define REGISTRY_CHECK_OUTPUT 65536 /* of what it says */
#define REGISTRY_RETRY_MS     5000  /* to read the database again */
#define REGISTRY_READ_SHARE   16 /* rests so many times as long, at most that */
#define REGISTRY_READ_REST    100  /* … and at least so many ms */
#define REGISTRY_RENDER_SHARE 4    /* rests so many times as long */
#define REGISTRY_RENDER_REST  1000 /* … and at most so many ms */

struct registry;
struct servers;
struct http_client;
struct registry_alerts;
struct drop_rules;

struct registry_options {
	uv_loop_t *loop;
	const struct log *log;
	const struct config_registry *config; /* borrowed until another is
	                                         followed */
	struct http_client *client;           /* for those who tell others */
	uint64_t seed;
};

/* Opens the store, reads it, renders; blocks. Negative with words: then what is
 * in *registryp, if it is not NULL, is still to be closed. */
int registry_open(const struct registry_options *options,
                  struct registry **registryp, struct err *err) MUST_CHECK;
/* Edits that wait fail, also for promtool, and those that are submitted from
 * now on; for who must be answered before the close. No delivery begins any
 * more. */
void registry_stop(struct registry *registry);
bool registry_is_stopping(const struct registry *registry);
/*
 * Edits that were accepted are written, those that wait fail, and so do those
 * that are submitted from now on; @closed once, from the loop.
 */
void registry_close(struct registry *registry, void (*closed)(void *context),
                    void *context);

/*
 * registry_plan() - read what @config names beside what is followed: the files
 * of its tokens; blocks
 *
 * 0, and one of the next two follows; or negative with words. `path` is not
 * followed, which is logged.
 */
int registry_plan(struct registry *registry,
                  const struct config_registry *config,
                  struct err *err) MUST_CHECK;
/* @config is followed; borrowed from now on. */
void registry_follow(struct registry *registry,
                     const struct config_registry *config);
void registry_revert(struct registry *registry);

uv_loop_t *registry_loop(const struct registry *registry);
struct http_client *registry_client(const struct registry *registry);
const struct model *registry_model(const struct registry *registry);
/* What was answered as done is in them. */
struct documents *registry_documents(struct registry *registry);
struct store *registry_store(const struct registry *registry);
/* How far the Prometheus servers are. */
struct servers *registry_servers(const struct registry *registry);
const struct config_registry *registry_config(const struct registry *registry);
/* Of the documents as they are rendered; grows with each rendering. */
uint64_t registry_revision(const struct registry *registry);
/* False with words: what is in memory is not what is on disk, and the disk
 * cannot be read. */
bool registry_is_well(const struct registry *registry, struct err *err);
/* Of the model; grows with each change of it, also before that is on disk. */
uint64_t registry_changes(const struct registry *registry);
int64_t registry_now_s(const struct registry *registry); /* Unix time */
/* Alerts that nobody is told of, as the configuration has it; NULL: none. */
const struct drop_rules *registry_drops(const struct registry *registry);
/* Who keeps alerts, and tells of them; NULL: nobody, or not any more. */
struct registry_alerts *registry_alerts(const struct registry *registry);
void registry_set_alerts(struct registry *registry,
                         struct registry_alerts *alerts);

/* --- editing -------------------------------------------------------------- */

struct registry_edit;

enum registry_outcome {
	REGISTRY_DONE,      /* on disk (or, of a dry run, it would work) */
	REGISTRY_INVALID,   /* 400: err and field say what is wrong */
	REGISTRY_NOT_FOUND, /* 404 */
	REGISTRY_EXISTS,    /* 409, or 400 where the reference has that */
	REGISTRY_REFUSED,   /* 403 */
	REGISTRY_BAD_RULES, /* 422: `words` is promtool's text */
	REGISTRY_FAILED,    /* 503, 500: not on disk, no memory, closing */
};

struct registry_edit {
	/*
	 * The caller's. apply() may run twice, each time in a transaction that
	 * sees the model as it is then; from inside registry_submit(), or from
	 * the loop. It must look everything up anew by id or name, and returns
	 * 0 or a negative code: -ENOENT, -EEXIST, -EPERM, -ENOMEM, others are
	 * REGISTRY_INVALID. done() comes exactly once, from the loop, never
	 * before registry_submit() returned; the edit is free then.
	 */
	int (*apply)(struct registry_edit *edit, struct model_tx *tx,
	             struct err *err);
	void (*done)(struct registry_edit *edit);
	const char *who; /* borrowed until done */
	bool dry_run;    /* all but keeping it */

	/* valid in done() */
	enum registry_outcome outcome;
	struct err err;
	const char *field; /* that was wrong, if apply() said so; or NULL */
	const char *words; /* of promtool; NULL */
	uint64_t revision; /* that has it */
	size_t n_records;  /* how much became different */

	/* private */
	struct list node;
	struct registry *registry;
	struct store_write write;
	void *check;
};

void registry_submit(struct registry *registry, struct registry_edit *edit);

/* --- hearing of it ---------------------------------------------------------- */

/*
 * Who wants to know when documents became different, or servers are on another
 * shard. Once for each render, after all its documents are there. Not from
 * inside subscribe; may unsubscribe anybody.
 */
struct registry_watch {
	void (*changed)(struct registry_watch *watch);
	struct list node; /* private */
};
void registry_watch(struct registry *registry, struct registry_watch *watch);
void registry_unwatch(struct registry *registry, struct registry_watch *watch);

/* --- who may ask ----------------------------------------------------------- */

enum registry_scope {
	SCOPE_NONE, /* anybody: health */
	SCOPE_FIND, /* discovery: anybody if open_discovery, else read */
	SCOPE_READ,
	SCOPE_ALERTS, /* a token for alerts only, or write */
	SCOPE_WRITE,
	SCOPE_ADMIN,
};

#define REGISTRY_ACTOR_MAX 160

/*
 * registry_admit() - may whoever sends this do that?
 * @control: it came over the control socket: who can open it may do all
 * @actor: REGISTRY_ACTOR_MAX bytes: "token deploy", "control socket"
 *
 * Bearer TOKEN, Token TOKEN, or Basic with the token as the password, whatever
 * the user. False: it has been answered, with 401 or 403.
 */
bool registry_admit(struct registry *registry, struct http_exchange *exchange,
                    bool control, enum registry_scope scope,
                    char *actor) MUST_CHECK;
/* How far whoever sends this may go: SCOPE_NONE (also by open_discovery),
 * SCOPE_READ, SCOPE_ALERTS, SCOPE_WRITE or SCOPE_ADMIN. */
enum registry_scope registry_reach(const struct registry *registry,
                                   const struct http_exchange *exchange,
                                   bool control);

/* Does it carry a token of ours that has not expired, whatever its scope? */
bool registry_knows(const struct registry *registry,
                    const struct http_message *message) MUST_CHECK;

#define REGISTRY_SECRET_SIZE 45 /* "bnc_", 40 characters, NUL */
#define REGISTRY_HASH_SIZE   65 /* hexadecimal, NUL */

/* A new secret; 0, or negative if the system has no randomness. */
int registry_secret_make(char secret[REGISTRY_SECRET_SIZE]) MUST_CHECK;
/* SHA-256, as TOKEN_HASH has it. */
void registry_secret_hash(struct slice secret, char hash[REGISTRY_HASH_SIZE]);

/* --- figures ---------------------------------------------------------------- */

struct registry_stats {
	uint64_t n_edits[REGISTRY_FAILED + 1]; /* by outcome; no dry runs */
	uint64_t n_refused[2];                 /* 401, 403 */
	uint64_t n_checks[3];                  /* promtool: good, bad, failed */
	uint64_t n_renders;
	uint64_t render_us;      /* of all, */
	uint64_t last_render_us; /* … and of the last one */
	uint64_t n_reloads;      /* the model was read again */
	uint32_t n_watches;
	uint32_t n_waiting; /* edits that are not answered yet */
};
void registry_stats(const struct registry *registry,
                    struct registry_stats *stats);
const char *registry_outcome_name(enum registry_outcome outcome);
