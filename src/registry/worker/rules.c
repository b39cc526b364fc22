/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/rules.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "registry/worker/fetch.h"

#define NO_RULES "groups: []\n"

static void on_reloaded(struct reload *reload);
static void on_written(struct kept_file *file);

/* --- ends of what was put ----------------------------------------------------- */

static void watch_later(struct rules *rules)
{
	if (rules->once)
		return;
	if (rules->due)
		life_timer_start(&rules->timer,
		                 backoff_next(&rules->backoff, rules->rng));
	else
		life_timer_start(&rules->timer, RULES_LOOK_MS);
}

static void put_now(struct rules *rules);

/* What came while something else was under way. */
static bool take_next(struct rules *rules)
{
	if (!rules->has_next)
		return false;
	buf_fini(&rules->trying);
	rules->trying = rules->next;
	rules->next = (struct buf){ 0 };
	rules->has_next = false;
	rules->offered = true;
	put_now(rules);
	return true;
}

static void end(struct rules *rules, const struct err *file_err)
{
	static const struct err none;
	bool offered = rules->offered;

	rules->state = RULES_IDLE;
	rules->offered = false;
	if (!offered && take_next(rules))
		return;
	watch_later(rules);
	rules->changed(rules->context);
	if (offered)
		rules->done(rules->context, file_err ? file_err : &none);
}

static void say_trouble(struct rules *rules, const struct err *err)
{
	bool is_new = strcmp(err->message, rules->err.message) != 0;

	rules->err = *err;
	if (is_new)
		log_warn(rules->log, "rules are not loaded",
		         LOG_STR("error", err->message));
}

static int copy(struct buf *to, struct slice text)
{
	buf_reset(to);
	return buf_append(to, text.p, text.n);
}

static void on_good_written(struct kept_file *file);

/* As kept_file_put(). */
static int put_copy(struct rules *rules, enum rules_state state,
                    const struct buf *from)
{
	struct buf content;
	int r;

	rules->state = state;
	buf_init(&content, FETCH_MAX_DOCUMENT);
	r = copy(&content, buf_slice(from));
	if (r == 0)
		return kept_file_put(&rules->file, &content, on_written);
	buf_fini(&content);
	return err_set_code(&rules->file.err, r, "cannot write \"%s\"",
	                    rules->file.path);
}

static void write_good(struct rules *rules)
{
	struct buf content;

	buf_init(&content, FETCH_MAX_DOCUMENT);
	if (copy(&content, buf_slice(&rules->good)) == 0) {
		if (kept_file_put(&rules->good_file, &content,
		                  on_good_written) < 0)
			on_good_written(&rules->good_file);
	} else {
		buf_fini(&content);
	}
}

static void on_good_written(struct kept_file *file)
{
	struct rules *rules = container_of(file, struct rules, good_file);
	bool newer = rules->good_is_newer;

	if (file->err.code)
		log_warn(rules->log, "good rules cannot be kept",
		         LOG_STR("error", file->err.message));
	rules->good_is_newer = false;
	if (newer && !file->life->closing)
		write_good(rules);
}

static void keep_good(struct rules *rules)
{
	struct buf good;

	/* what could not be written was not what was loaded */
	if (!rules->file.known)
		return;
	buf_init(&good, FETCH_MAX_DOCUMENT);
	if (copy(&good, buf_slice(&rules->trying)) < 0) {
		buf_fini(&good);
		return;
	}
	buf_fini(&rules->good);
	rules->good = good;
	if (rules->good_file.busy)
		rules->good_is_newer = true;
	else
		write_good(rules);
}

static void are_good(struct rules *rules)
{
	rules->due = false;
	rules->backoff.n = 0;
	rules->has_bad = false;
	life_timer_stop(&rules->retry);
	if (rules->err.code)
		log_info(rules->log, "rules are loaded again");
	err_clear(&rules->err);
	keep_good(rules);
	end(rules, NULL);
}

/* --- the reload ---------------------------------------------------------------- */

static void reload_failed(struct rules *rules)
{
	rules->due = true;
	rules->loaded = LOADED_UNKNOWN;
	say_trouble(rules, &rules->reload.err);
	end(rules, NULL);
}

static void reload_now(struct rules *rules, enum rules_state state)
{
	rules->state = state;
	life_timer_stop(&rules->timer);
	if (reload_start(&rules->reload, on_reloaded) < 0)
		reload_failed(rules);
}

/* --- going back ------------------------------------------------------------------ */

static void back_is_written(struct rules *rules)
{
	rules->taken_back = true;
	reload_now(rules, RULES_RELOADING_BACK);
}

/* The bad ones are still there: the next reload brings us here again. */
static void cannot_go_back(struct rules *rules)
{
	struct err err = rules->file.err;

	rules->due = true;
	log_warn(rules->log, "refused rules cannot be taken back",
	         LOG_STR("error", err.message));
	end(rules, &err);
}

static void write_back(struct rules *rules)
{
	int r = put_copy(rules, RULES_WRITING_BACK, &rules->good);

	if (r > 0)
		back_is_written(rules);
	else if (r < 0)
		cannot_go_back(rules);
}

static void go_back(struct rules *rules)
{
	if (rules->file.known) { /* else it was the one before that is there */
		sha256(buf_slice(&rules->trying), rules->bad);
		rules->has_bad = true;
	}
	rules->err = rules->reload.err;
	if (!rules->once)
		life_timer_start(&rules->retry, rules->retry_ms
		                                        ? rules->retry_ms
		                                        : RULES_RETRY_MS);
	write_back(rules);
}

static void went_back(struct rules *rules)
{
	struct err err = rules->err;

	rules->due = false;
	if (rules->reload.result == RELOAD_DONE) {
		/* the good ones are, those that are wanted are not */
		log_info(rules->log, "back to the last good rules",
		         LOG_STR("file", rules->file.path));
		err_wrap(&err, "the last good rules are loaded, the "
		               "new ones are refused");
	} else if (rules->reload.result == RELOAD_REJECTED) {
		err_wrap(&err, "the last good rules are refused, too: "
		               "something else is wrong");
	} else {
		rules->due = true;
	}
	say_trouble(rules, &err);
	end(rules, NULL);
}

static void on_reloaded(struct reload *reload)
{
	struct rules *rules = container_of(reload, struct rules, reload);

	rules->n_reloads++;
	rules->loaded = reload->loaded;
	if (reload->result == RELOAD_DONE && rules->loaded == LOADED_UNKNOWN)
		rules->loaded = LOADED_YES; /* it says so by its status */
	if (rules->state == RULES_RELOADING_BACK)
		went_back(rules);
	else if (reload->result == RELOAD_DONE)
		are_good(rules);
	else if (reload->result == RELOAD_REJECTED)
		go_back(rules);
	else
		reload_failed(rules);
}

/* --- looking ----------------------------------------------------------------------- */

/* Was the file loaded after it was written? */
static bool is_newer(const struct rules *rules)
{
	struct stat st;
	double written_s;

	if (stat(rules->file.path, &st) < 0)
		return false;
	written_s =
		(double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9;
	return rules->reload.success_s > written_s;
}

static void on_looked_first(struct reload *reload)
{
	struct rules *rules = container_of(reload, struct rules, reload);

	rules->loaded = reload->loaded;
	if (reload->loaded == LOADED_YES && is_newer(rules))
		are_good(rules);
	else
		reload_now(rules, RULES_RELOADING);
}

static void on_looked(struct reload *reload)
{
	struct rules *rules = container_of(reload, struct rules, reload);
	enum reload_loaded before = rules->loaded;

	if (rules->state != RULES_IDLE)
		return;
	rules->loaded = reload->loaded;
	watch_later(rules);
	if (rules->loaded != before)
		rules->changed(rules->context);
}

static void on_timer(struct life_timer *timer)
{
	struct rules *rules = container_of(timer, struct rules, timer);

	rules_look(rules);
}

void rules_look(struct rules *rules)
{
	if (rules->state != RULES_IDLE || reload_is_busy(&rules->reload))
		return;
	if (rules->due)
		reload_now(rules, rules->taken_back ? RULES_RELOADING_BACK
		                                    : RULES_RELOADING);
	else if (reload_look(&rules->reload, on_looked) < 0)
		watch_later(rules);
}

/* --- writing ------------------------------------------------------------------------- */

static void on_written(struct kept_file *file)
{
	struct rules *rules = container_of(file, struct rules, file);
	struct err err = file->err;

	if (file->life->closing)
		return;
	if (err.code && rules->state == RULES_WRITING_BACK) {
		cannot_go_back(rules);
		return;
	}
	if (err.code) {
		end(rules, &err);
		return;
	}
	log_info(rules->log, "written", LOG_STR("file", file->path));
	if (rules->state == RULES_WRITING_BACK) {
		back_is_written(rules);
		return;
	}
	rules->taken_back = false;
	reload_now(rules, RULES_RELOADING);
}

static bool is_bad(const struct rules *rules, struct slice content)
{
	uint8_t digest[SHA256_SIZE];

	sha256(content, digest);
	return rules->has_bad &&
	       memcmp(digest, rules->bad, sizeof(digest)) == 0;
}

/* It is there: was it loaded, too? Nobody knows at the start. */
static void is_there(struct rules *rules)
{
	rules->taken_back = false;
	rules->state = RULES_LOOKING;
	if (reload_look(&rules->reload, on_looked_first) < 0)
		reload_now(rules, RULES_RELOADING);
}

static void put_now(struct rules *rules)
{
	int r;

	if (is_bad(rules, buf_slice(&rules->trying))) {
		if (rules->taken_back)
			end(rules, NULL);
		else
			write_back(rules); /* which failed the last time */
		return;
	}
	r = put_copy(rules, RULES_WRITING, &rules->trying);
	if (r > 0)
		is_there(rules);
	else if (r < 0)
		end(rules, &rules->file.err);
}

static void on_retry(struct life_timer *timer)
{
	struct rules *rules = container_of(timer, struct rules, retry);

	rules->has_bad = false;
	rules->again(rules->context);
}

/* A look was under way, and is of no use any more. */
static void on_turn(struct reload *reload)
{
	(void)take_next(container_of(reload, struct rules, reload));
}

void rules_put(struct rules *rules, struct buf *content)
{
	rules->next = *content;
	rules->has_next = true;
	buf_init(content, content->max);
	life_timer_stop(&rules->timer);
	if (reload_is_busy(&rules->reload)) {
		if (rules->state == RULES_IDLE)
			rules->reload.done = on_turn;
		reload_cancel(&rules->reload);
	} else if (rules->state == RULES_IDLE) {
		(void)take_next(rules);
	}
}

/* --- opening --------------------------------------------------------------------------- */

static int read_good(struct rules *rules, const char *path)
{
	struct err err;
	int r = atomic_file_read(path, FETCH_MAX_DOCUMENT, &rules->good, &err);

	if (r == 0 && rules->good.n > 0)
		return 0;
	buf_fini(&rules->good);
	return r == -ENOMEM ? r : -ENOENT;
}

static int open_files(struct rules *rules, uv_loop_t *loop, const char *path,
                      int mode, struct err *err)
{
	struct life *life = rules->prometheus->life;
	struct buf good_path;
	int r;

	buf_init(&good_path, FETCH_MAX_DOCUMENT);
	(void)buf_printf(&good_path, "%s.good", path);
	r = good_path.failed;
	if (r == 0)
		r = kept_file_open(&rules->file, loop, life, path, mode, err);
	if (r == 0)
		r = kept_file_open(&rules->good_file, loop, life,
		                   buf_text(&good_path), mode, err);
	if (r == 0)
		r = read_good(rules, buf_text(&good_path));
	if (r == -ENOENT)
		r = read_good(rules, path);
	if (r == -ENOENT) {
		buf_init(&rules->good, FETCH_MAX_DOCUMENT);
		r = buf_puts(&rules->good, NO_RULES);
	}
	buf_fini(&good_path);
	return r;
}

int rules_open(struct rules *rules, uv_loop_t *loop, const char *path, int mode,
               struct err *err)
{
	struct life *life = rules->prometheus->life;
	int r;

	rules->reload.link = rules->prometheus;
	rules->backoff = (struct backoff){ .base_ms = RULES_BASE_MS,
		                           .max_ms = RULES_MAX_MS };
	r = life_timer_open(&rules->timer, loop, life, on_timer);
	if (r == 0)
		r = life_timer_open(&rules->retry, loop, life, on_retry);
	if (r == 0)
		r = open_files(rules, loop, path, mode, err);
	return r;
}

void rules_close(struct rules *rules)
{
	reload_close(&rules->reload);
	kept_file_close(&rules->file);
	kept_file_close(&rules->good_file);
	life_timer_close(&rules->timer);
	life_timer_close(&rules->retry);
}

void rules_fini(struct rules *rules)
{
	kept_file_fini(&rules->file);
	kept_file_fini(&rules->good_file);
	buf_fini(&rules->good);
	buf_fini(&rules->trying);
	buf_fini(&rules->next);
}
