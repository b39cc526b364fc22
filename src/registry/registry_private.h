/* SPDX-License-Identifier: Apache-2.0 */
/* registry_private: what registry.c, edits.c, promtool.c and access.c share. */
#pragma once

#include "registry/registry.h"
#include "registry/servers.h"

struct access;
struct promtool;

struct registry {
	uv_loop_t *loop;
	const struct log *log;
	const struct config_registry *config;
	struct http_client *client;
	uint64_t seed;

	struct store *store;
	struct model *model;
	struct documents *documents;
	struct promtool *promtool;
	struct access *access;
	struct registry_alerts *alerts;
	struct drop_rules *drops; /* of alerts; NULL: none */
	struct servers *servers;

	/* of the configuration in the making */
	struct access *planned;
	char *planned_program;
	struct drop_rules *planned_drops;

	struct list watches;
	uint32_t n_watches;
	struct list waiting; /* edits, until the model has been read again */
	struct list ended;   /* whose done() is to come */
	uint32_t n_waiting;
	uint32_t n_writing;  /* that the store has */
	uint32_t n_open;     /* all that are not answered */
	uint32_t n_checking; /* that promtool has */

	uint64_t n_changes;   /* of the model */
	uint64_t committed;   /* revision of the last commit */
	uint64_t revision;    /* … and of what is rendered */
	uint64_t skipped;     /* what ours is ahead of the store's */
	uint64_t rendered_ms; /* when that ended */
	uint64_t read_ms;     /* when it was last read again; 0: never */
	uint64_t read_took_ms;
	uint64_t retry_ms;  /* not before, after a failure; 0: at once */
	size_t n_too_large; /* documents, or parts of them */
	bool tell;          /* watchers are to be told */
	bool moved;   /* a server, or a shard: told with the next render */
	bool damaged; /* a commit failed: the model is ahead of the disk */
	bool unwell;  /* … and the disk cannot be read */
	struct err trouble;

	uv_timer_t turn; /* what is to be done, from the loop */
	bool stopping;   /* nothing is accepted any more */
	bool closing;
	bool store_closed;
	void (*closed)(void *context);
	void *context;

	struct registry_stats stats;
};

/* --- registry.c -------------------------------------------------------------- */

/* Something is to be done: soon, from the loop. */
void registry_arm(struct registry *registry);
/* Something has ended; when nothing is left, a close goes on. */
void registry_maybe_closed(struct registry *registry);
/* A model and documents from the database, in place of those that there are.
 * 0, or negative with words, and nothing has changed; blocks. */
int registry_read(struct registry *registry, struct err *err) MUST_CHECK;

/* --- edits.c ------------------------------------------------------------------- */

/* Those that wait are begun. */
void edits_resume(struct registry *registry);
/* Those that wait fail. */
void edits_fail(struct registry *registry);
/* done() of those that have ended. */
void edits_deliver(struct registry *registry);
/* promtool has looked at the rules of @edit: REGISTRY_DONE if they are good.
 * @words are borrowed until the edit has ended. */
void edits_checked(struct registry_edit *edit, enum registry_outcome outcome,
                   const char *words, const struct err *err);

/* --- promtool.c ---------------------------------------------------------------- */

/* NULL: out of memory. Asks nobody yet. */
struct promtool *promtool_new(struct registry *registry) MUST_CHECK;
/* Where it is (mem_free); NULL in *programp: nobody is to be asked. 0, or
 * negative with words. */
int promtool_find(const char *configured, char **programp,
                  struct err *err) MUST_CHECK;
/* From now on; takes @program over. NULL: nobody is asked. */
void promtool_use(struct promtool *promtool, char *program);
bool promtool_is_on(const struct promtool *promtool);
/*
 * promtool_ask() - are these rules good?
 * @text: is taken over, whatever happens
 *
 * 0: edits_checked() follows, from the loop. -ENOMEM, -ENOBUFS: it does not.
 */
int promtool_ask(struct promtool *promtool, struct registry_edit *edit,
                 struct buf *text, struct err *err) MUST_CHECK;
/* Ends what runs; edits_checked() comes for each. */
void promtool_cancel(struct promtool *promtool);
/* Nothing runs any more. NULL is fine. */
void promtool_free(struct promtool *promtool);
/* What was said about an edit; NULL is fine. */
void promtool_forget(void *check);

/* --- access.c ------------------------------------------------------------------ */

/* Reads the files of the tokens; blocks. */
int access_new(const struct config_registry *config, struct access **accessp,
               struct err *err) MUST_CHECK;
void access_free(struct access *access); /* NULL is fine */
/* The second takes the place of the first, which keeps its memory of what was
 * logged. */
void access_replace(struct access **accessp, struct access *next);
