/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promtool: whether Prometheus would take the rules, by its own word.
 * https://prometheus.io/docs/prometheus/latest/command-line/promtool/
 *
 * The rules are written to a file in a directory that is only ours (in the
 * pool; old versions do not read their stdin), and promtool looks at that. What
 * it says is handed on without the file's name, which would help nobody.
 */
#include "registry/registry_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "io/process.h"

#define PROGRAM   "promtool"
#define FILE_MODE 0600

struct promtool {
	struct registry *registry;
	char *program;     /* NULL: nobody is asked */
	char *dir;         /* NULL: not made yet */
	struct list queue; /* checks that have not begun */
	uint32_t n_queued;
	uint32_t n_running;
	struct list running;
	size_t n_bytes;   /* of rules that are not in a file yet */
	uint64_t n_files; /* the next name */
};

struct check {
	struct promtool *promtool;
	struct registry_edit *edit;
	struct list node;
	struct buf text; /* the rules */
	struct buf words;
	char *path;
	char *program; /* the one that there was when it began */
	int written;   /* 0, or why the file was not */
	bool cancelled;
	bool spawned;
	uv_work_t work;
	struct process_call call;
	const char *argv[5];
};

static void begin_more(struct promtool *promtool);

/* --- where it is --------------------------------------------------------------- */

static char *find_in_path(const char *name)
{
	struct slice rest = slice_from(getenv("PATH"));
	struct slice dir;
	char path[PATH_MAX];

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? mem_strdup(name) : NULL;
	while (slice_next(&rest, ':', &dir)) {
		struct stat st;
		int n = snprintf(path, sizeof(path), SLICE_FMT "/%s",
		                 SLICE_ARG(dir), name);

		if (n < (int)sizeof(path) && access(path, X_OK) == 0 &&
		    stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return mem_strdup(path);
	}
	return NULL;
}

int promtool_find(const char *configured, char **programp, struct err *err)
{
	*programp = NULL;
	if (configured && !*configured)
		return 0;
	*programp = find_in_path(configured ? configured : PROGRAM);
	if (*programp || !configured)
		return 0;
	return err_set(err, -ENOENT,
	               "registry.promtool: there is no program %s; install it, "
	               "or set none",
	               configured);
}

struct promtool *promtool_new(struct registry *registry)
{
	struct promtool *promtool = mem_calloc(1, sizeof(*promtool));

	if (!promtool)
		return NULL;
	promtool->registry = registry;
	list_init(&promtool->queue);
	list_init(&promtool->running);
	return promtool;
}

void promtool_use(struct promtool *promtool, char *program)
{
	mem_free(promtool->program);
	promtool->program = program;
}

bool promtool_is_on(const struct promtool *promtool)
{
	return promtool->program != NULL;
}

void promtool_free(struct promtool *promtool)
{
	if (!promtool)
		return;
	if (promtool->dir)
		(void)rmdir(promtool->dir);
	mem_free(promtool->dir);
	mem_free(promtool->program);
	mem_free(promtool);
}

/* --- the end of one ------------------------------------------------------------- */

static void drop_text(struct check *check)
{
	check->promtool->n_bytes -= check->text.n;
	buf_fini(&check->text);
}

static void check_free(struct check *check)
{
	if (check->path)
		(void)unlink(check->path);
	process_call_fini(&check->call);
	buf_fini(&check->words);
	mem_free(check->path);
	mem_free(check->program);
	mem_free(check);
}

void promtool_forget(void *check)
{
	if (check)
		check_free(check);
}

/* The lines, without the name of the file, and without those that only say
 * that it was looked at. */
static void take_words(struct check *check)
{
	struct slice rest = buf_slice(&check->call.output);
	size_t n_path = strlen(check->path);
	struct slice line;

	while (slice_next(&rest, '\n', &line)) {
		const char *at;

		line = slice_trim(line);
		if (slice_starts(line, "Checking ") ||
		    slice_is(line, "FAILED:") || line.n == 0)
			continue;
		at = memmem(line.p, line.n, check->path, n_path);
		if (at) {
			size_t before = (size_t)(at - line.p);

			(void)buf_append(&check->words, line.p, before);
			line = slice_skip(line, before + n_path);
			if (slice_starts(line, ": "))
				line = slice_skip(line, 2);
		}
		(void)buf_append(&check->words, line.p, line.n);
		(void)buf_putc(&check->words, '\n');
	}
	while (check->words.n && check->words.p[check->words.n - 1] == '\n')
		check->words.p[--check->words.n] = '\0';
}

/* 0: promtool has had a look. */
static int was_asked(const struct check *check, struct err *err)
{
	const struct process_call *call = &check->call;

	if (check->cancelled)
		return err_set(err, -ECANCELED, "the registry is stopping");
	if (check->written < 0)
		return err_set_code(err, check->written,
		                    "promtool could not be asked: a file for "
		                    "it cannot be written");
	if (call->err.code < 0)
		return err_set(err, call->err.code,
		               "promtool could not be asked: %s",
		               call->err.message);
	if (call->exit_status < 0)
		return err_set(err, -EIO, "promtool was killed by signal %d",
		               call->term_signal);
	return 0;
}

static enum registry_outcome judge(struct check *check, struct err *err)
{
	if (was_asked(check, err) < 0)
		return REGISTRY_FAILED;
	if (check->call.exit_status == 0)
		return REGISTRY_DONE;
	take_words(check);
	(void)err_set(err, -EINVAL, "promtool does not accept the rules");
	return REGISTRY_BAD_RULES;
}

static size_t stat_of(enum registry_outcome outcome)
{
	if (outcome == REGISTRY_DONE)
		return 0;
	return outcome == REGISTRY_BAD_RULES ? 1 : 2;
}

static void end_check(struct check *check)
{
	struct promtool *promtool = check->promtool;
	struct registry_stats *stats = &promtool->registry->stats;
	struct err err = { 0 };
	enum registry_outcome outcome = judge(check, &err);

	drop_text(check);
	list_unlink(&check->node);
	promtool->n_running--;
	stats->n_checks[stat_of(outcome)]++;
	if (outcome == REGISTRY_FAILED && !check->cancelled)
		log_warn(promtool->registry->log,
		         "rules were not accepted: promtool could not be asked",
		         LOG_STR("error", err.message));
	begin_more(promtool);
	edits_checked(check->edit, outcome, buf_text(&check->words), &err);
}

/* --- one --------------------------------------------------------------------------- */

static void on_checked(struct process_call *call)
{
	end_check(container_of(call, struct check, call));
}

static void spawn(struct check *check)
{
	int r;

	check->argv[0] = check->program;
	check->argv[1] = "check";
	check->argv[2] = "rules";
	check->argv[3] = check->path;
	check->call.argv = check->argv;
	check->call.timeout_ms = REGISTRY_CHECK_MS;
	check->call.max_output = REGISTRY_CHECK_OUTPUT;
	r = process_spawn(check->promtool->registry->loop, &check->call,
	                  on_checked);
	check->spawned = r == 0;
	if (r < 0) {
		(void)err_set_code(&check->call.err, r, "%s", check->program);
		end_check(check);
	}
}

/* In the pool. */
static int write_all(int fd, struct slice text)
{
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text = slice_skip(text, (size_t)n);
	}
	return 0;
}

static void write_file(uv_work_t *work)
{
	struct check *check = container_of(work, struct check, work);
	int fd = open(check->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	              FILE_MODE);

	if (fd < 0) {
		check->written = -errno;
		return;
	}
	check->written = write_all(fd, buf_slice(&check->text));
	if (close(fd) < 0 && check->written == 0)
		check->written = -errno;
}

static void on_written(uv_work_t *work, int status)
{
	struct check *check = container_of(work, struct check, work);

	drop_text(check);
	if (status < 0 && check->written == 0)
		check->written = status;
	if (check->written < 0 || check->cancelled)
		end_check(check);
	else
		spawn(check);
}

static void begin_more(struct promtool *promtool)
{
	while (promtool->n_running < REGISTRY_MAX_RUNNING &&
	       !promtool->registry->stopping) {
		struct list *node = list_pop(&promtool->queue);
		struct check *check;

		if (!node)
			return;
		check = container_of(node, struct check, node);
		promtool->n_queued--;
		promtool->n_running++;
		list_append(&promtool->running, &check->node);
		/* cannot fail: the work is given */
		(void)uv_queue_work(promtool->registry->loop, &check->work,
		                    write_file, on_written);
	}
}

/* --- asking -------------------------------------------------------------------------- */

/* Only ours; beside the database where there is no place for such things. */
static int make_dir(struct promtool *promtool)
{
	const char *tmp = getenv("TMPDIR");
	const char *db = promtool->registry->config->path;
	const char *slash = strrchr(db, '/');
	char path[PATH_MAX];

	/* who tidies such places may have removed it */
	if (promtool->dir && access(promtool->dir, W_OK) == 0)
		return 0;
	mem_free(promtool->dir);
	promtool->dir = NULL;
	(void)snprintf(path, sizeof(path), "%s/bouncer-XXXXXX",
	               tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(path)) {
		(void)snprintf(path, sizeof(path), "%.*s/promtool-XXXXXX",
		               slash ? (int)(slash - db) : 1, slash ? db : ".");
		if (!mkdtemp(path))
			return -errno;
	}
	promtool->dir = mem_strdup(path);
	if (!promtool->dir)
		(void)rmdir(path);
	return promtool->dir ? 0 : -ENOMEM;
}

static struct check *check_new(struct promtool *promtool)
{
	struct check *check = mem_calloc(1, sizeof(*check));
	char path[PATH_MAX];

	if (!check)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/%llu.yml", promtool->dir,
	               (unsigned long long)promtool->n_files++);
	check->promtool = promtool;
	list_init(&check->node);
	buf_init(&check->words, 2 * REGISTRY_CHECK_OUTPUT);
	check->path = mem_strdup(path);
	check->program = mem_strdup(promtool->program);
	if (check->path && check->program)
		return check;
	check_free(check);
	return NULL;
}

/* Is there room for one more, with so many bytes of rules? */
static int make_room(struct promtool *promtool, size_t n_bytes, struct err *err)
{
	int r;

	/* a large one passes, alone */
	if (promtool->n_bytes &&
	    promtool->n_bytes + n_bytes > REGISTRY_CHECK_BYTES)
		return err_set(err, -ENOBUFS,
		               "%zu MiB of rules wait for promtool already; "
		               "try again later",
		               promtool->n_bytes >> 20);
	if (promtool->n_queued >= REGISTRY_MAX_CHECKS)
		return err_set(err, -ENOBUFS,
		               "%d edits of rules wait for promtool already; "
		               "try again later",
		               REGISTRY_MAX_CHECKS);
	r = make_dir(promtool);
	if (r < 0)
		return err_set_code(err, r,
		                    "promtool could not be asked: no directory "
		                    "for its file");
	return 0;
}

int promtool_ask(struct promtool *promtool, struct registry_edit *edit,
                 struct buf *text, struct err *err)
{
	int r = make_room(promtool, text->n, err);
	struct check *check = r == 0 ? check_new(promtool) : NULL;

	if (!check) {
		buf_fini(text);
		return r < 0 ? r : err_set(err, -ENOMEM, "out of memory");
	}
	check->edit = edit;
	check->text = *text;
	promtool->n_bytes += text->n;
	edit->check = check;
	list_append(&promtool->queue, &check->node);
	promtool->n_queued++;
	begin_more(promtool);
	return 0;
}

void promtool_cancel(struct promtool *promtool)
{
	LIST_FOR_EACH_SAFE (node, &promtool->running) {
		struct check *check = container_of(node, struct check, node);

		if (check->spawned && !check->cancelled)
			process_cancel(&check->call);
		check->cancelled = true;
	}
	for (struct list *node = list_pop(&promtool->queue); node;
	     node = list_pop(&promtool->queue)) {
		struct check *check = container_of(node, struct check, node);

		promtool->n_queued--;
		promtool->n_running++;
		check->cancelled = true;
		end_check(check);
	}
}
