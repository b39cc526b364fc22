/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edits: the way of an edit.
 *
 *     WAITING ─▶ applied ─▶ CHECKED by promtool ─▶ applied again ─▶ WRITING ─▶ ENDED
 *        (the disk failed)        (of rules)
 *
 * What is applied and not kept is undone before anything else happens, so that
 * between two callbacks the model has only what the store was given, too. If a
 * commit fails, so do all its edits, and the model is read again when the store
 * has answered for all that it has (registry.c); edits wait until then.
 */
#include "registry/registry_private.h"

#include <errno.h>

static void run(struct registry_edit *edit);

const char *registry_outcome_name(enum registry_outcome outcome)
{
	static const char *const names[] = {
		[REGISTRY_DONE] = "done",
		[REGISTRY_INVALID] = "invalid",
		[REGISTRY_NOT_FOUND] = "not_found",
		[REGISTRY_EXISTS] = "exists",
		[REGISTRY_REFUSED] = "refused",
		[REGISTRY_BAD_RULES] = "bad_rules",
		[REGISTRY_FAILED] = "failed",
	};

	return names[outcome];
}

/* --- the end of one -------------------------------------------------------------- */

static void end(struct registry_edit *edit, enum registry_outcome outcome)
{
	struct registry *registry = edit->registry;

	edit->outcome = outcome;
	if (!edit->dry_run)
		registry->stats.n_edits[outcome]++;
	list_append(&registry->ended, &edit->node);
	registry_arm(registry);
}

static void fail(struct registry_edit *edit, int code, const char *words)
{
	(void)err_set(&edit->err, code, "%s", words);
	end(edit, REGISTRY_FAILED);
}

static enum registry_outcome outcome_of(int r)
{
	switch (r) {
	case -ENOENT:
		return REGISTRY_NOT_FOUND;
	case -EEXIST:
		return REGISTRY_EXISTS;
	case -EPERM:
		return REGISTRY_REFUSED;
	case -ENOMEM:
		return REGISTRY_FAILED;
	default:
		return REGISTRY_INVALID;
	}
}

/* apply() has said no. */
static void refuse(struct registry_edit *edit, int r)
{
	if (!edit->err.message[0])
		(void)err_set(&edit->err, r, "%s", err_text(r));
	edit->err.code = r;
	end(edit, outcome_of(r));
}

void edits_deliver(struct registry *registry)
{
	struct list ended;

	/* those that end meanwhile come with the next turn */
	list_init(&ended);
	for (struct list *node = list_pop(&registry->ended); node;
	     node = list_pop(&registry->ended))
		list_append(&ended, node);
	for (struct list *node = list_pop(&ended); node;
	     node = list_pop(&ended)) {
		struct registry_edit *edit =
			container_of(node, struct registry_edit, node);
		void *check = edit->check;

		registry->n_open--;
		edit->done(edit);
		promtool_forget(check);
	}
}

/* --- writing ---------------------------------------------------------------------- */

static void note_damage(struct registry *registry, const struct err *err)
{
	if (!registry->damaged)
		log_error(registry->log,
		          "edits were not kept: the database cannot be written",
		          LOG_STR("error", err->message));
	registry->damaged = true;
}

static void on_written(struct store_write *write)
{
	struct registry_edit *edit =
		container_of(write, struct registry_edit, write);
	struct registry *registry = edit->registry;

	registry->n_writing--;
	if (write->err.code == 0) {
		registry->committed = MAX(registry->committed,
		                          write->revision + registry->skipped);
		edit->revision = registry->committed;
		end(edit, REGISTRY_DONE);
		return;
	}
	note_damage(registry, &write->err);
	edit->err = write->err;
	err_wrap(&edit->err, "the database cannot be written");
	end(edit, REGISTRY_FAILED);
}

/* What changes for those who are handed documents, though no document does. */
static bool moves(const struct record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (records[i].kind == KIND_SERVER ||
		    records[i].kind == KIND_SHARD)
			return true;
	}
	return false;
}

/* The store has it, or the transaction is undone. */
static void keep(struct registry_edit *edit, struct model_tx *tx,
                 const struct record *records, size_t n)
{
	struct registry *registry = edit->registry;
	struct store_batch *batch = store_batch_new();
	struct err err = { 0 };
	int r = -ENOMEM;

	if (batch) {
		store_batch_records(batch, records, n, edit->who,
		                    registry_now_s(registry));
		r = store_write(registry->store, batch, &edit->write,
		                on_written, &err);
	}
	if (r < 0) {
		store_batch_free(batch);
		model_rollback(tx);
		fail(edit, r, err.message[0] ? err.message : err_text(r));
		return;
	}
	registry->n_writing++;
	registry->moved = registry->moved || moves(records, n);
	documents_touch(registry->documents, records, n);
	model_commit(tx);
	registry->n_changes++;
}

/* --- rules ------------------------------------------------------------------------- */

static bool concerns_rules(const struct record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (records[i].kind == KIND_RULE &&
		    records[i].op != RECORD_DELETED)
			return true;
	}
	return false;
}

/* True if promtool is asked, or it has been refused: the transaction is undone,
 * and the edit goes on with edits_checked(), or has ended. */
static bool ask(struct registry_edit *edit, struct model_tx *tx,
                const struct record *records, size_t n)
{
	struct registry *registry = edit->registry;
	struct buf text;
	struct err err = { 0 };
	int r;

	if (edit->check || !promtool_is_on(registry->promtool) ||
	    !concerns_rules(records, n))
		return false;
	buf_init(&text, REGISTRY_CHECK_BYTES);
	r = documents_rules_text(registry->documents, records, n, &text);
	if (r == 0 && text.n == 0) {
		buf_fini(&text);
		return false;
	}
	model_rollback(tx);
	if (r == 0)
		r = promtool_ask(registry->promtool, edit, &text, &err);
	else
		buf_fini(&text);
	if (r < 0)
		fail(edit, r, err.message[0] ? err.message : err_text(r));
	else
		registry->n_checking++;
	return true;
}

void edits_checked(struct registry_edit *edit, enum registry_outcome outcome,
                   const char *words, const struct err *err)
{
	struct registry *registry = edit->registry;

	registry->n_checking--;
	if (outcome == REGISTRY_DONE) {
		run(edit);
	} else {
		edit->err = *err;
		edit->words = outcome == REGISTRY_BAD_RULES ? words : NULL;
		end(edit, outcome);
	}
	registry_maybe_closed(registry);
}

/* --- the way ------------------------------------------------------------------------ */

static void run_in(struct registry_edit *edit, struct model_tx *tx)
{
	const struct record *records;
	size_t n;
	int r = edit->apply(edit, tx, &edit->err);

	if (r < 0) {
		model_rollback(tx);
		refuse(edit, r);
		return;
	}
	records = model_records(tx, &n);
	edit->n_records = n;
	if (n > 0 && ask(edit, tx, records, n))
		return;
	if (n > 0 && !edit->dry_run) {
		keep(edit, tx, records, n);
		return;
	}
	model_rollback(tx);
	edit->revision = edit->registry->committed;
	end(edit, REGISTRY_DONE);
}

static void run(struct registry_edit *edit)
{
	struct registry *registry = edit->registry;
	struct model_tx *tx;

	if (registry->stopping) {
		fail(edit, -ECANCELED, "the registry is stopping");
		return;
	}
	if (registry->damaged) {
		registry->n_waiting++;
		list_append(&registry->waiting, &edit->node);
		return;
	}
	edit->field = NULL;
	err_clear(&edit->err);
	tx = model_begin(registry->model, registry_now_s(registry));
	if (tx)
		run_in(edit, tx);
	else
		fail(edit, -ENOMEM, "out of memory");
}

void registry_submit(struct registry *registry, struct registry_edit *edit)
{
	edit->registry = registry;
	edit->check = NULL;
	edit->words = NULL;
	edit->revision = 0;
	edit->n_records = 0;
	list_init(&edit->node);
	registry->n_open++;
	if (registry->unwell)
		fail(edit, registry->trouble.code, registry->trouble.message);
	else if (registry->n_waiting >= REGISTRY_MAX_WAITING)
		fail(edit, -ENOBUFS, "too many edits wait; try again later");
	else
		run(edit);
}

void edits_resume(struct registry *registry)
{
	struct list waiting;

	list_init(&waiting);
	for (struct list *node = list_pop(&registry->waiting); node;
	     node = list_pop(&registry->waiting))
		list_append(&waiting, node);
	registry->n_waiting = 0;
	for (struct list *node = list_pop(&waiting); node;
	     node = list_pop(&waiting))
		run(container_of(node, struct registry_edit, node));
}

void edits_fail(struct registry *registry)
{
	for (struct list *node = list_pop(&registry->waiting); node;
	     node = list_pop(&registry->waiting)) {
		registry->n_waiting--;
		fail(container_of(node, struct registry_edit, node),
		     registry->trouble.code < 0 ? registry->trouble.code
		                                : -ECANCELED,
		     registry->trouble.code < 0 ? registry->trouble.message
		                                : "the registry is stopping");
	}
}
