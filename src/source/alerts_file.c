/* SPDX-License-Identifier: Apache-2.0 */
#include "source/alerts_file.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/mem.h"
#include "base/number.h"
#include "io/atomic_file.h"

#define FILE_MODE  0640
#define PATH_SIZE  4096
#define PIECE_SIZE 65536              /* bytes written at once, about */
#define PIECE_MAX  ((size_t)16 << 20) /* one alert may be large */
#define HEAD_MAX   64
#define N_LOGS     2

/* What is appended to. */
struct log_file {
	struct append_file *file;
	uint64_t last; /* the number of its last record */
	bool torn;     /* a part of one is behind it */
};

struct alerts_file {
	struct alerts_file_options options;
	struct log_file logs[N_LOGS];
	unsigned now; /* which of them */
	uint64_t n_records;
	bool failing;
	uint64_t n_failures;

	struct atomic_file *whole;
	struct atomic_write write;
	bool writing;        /* all, anew */
	bool again;          /* once more after that */
	uint64_t n_writing;  /* records that it covers */
	size_t n_bytes;      /* of it, so far */
	size_t whole_bytes;  /* of the last one */
	struct buf lines;    /* of one alert */
	struct list waits;   /* for the next one: alerts_write.node */
	struct list covered; /* by the one that is being written */
	uv_timer_t timer;    /* so that it begins from the loop */
	bool timer_open;
	bool closing;
	unsigned n_open;
	void (*closed)(void *context);
	void *closed_context;
	char dir[];
};

static void path_of(const struct alerts_file *file, int n,
                    char out[static PATH_SIZE])
{
	if (n < 0)
		(void)snprintf(out, PATH_SIZE, "%s/alerts", file->dir);
	else
		(void)snprintf(out, PATH_SIZE, "%s/alerts.%d", file->dir, n);
}

/* --- reading ---------------------------------------------------------------- */

/* The next record; false: it is not whole, or there is none. */
static bool next_record(struct slice *rest, uint64_t *numberp,
                        struct slice *messagep)
{
	struct slice head;
	struct slice number;
	uint64_t n = 0;
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!end)
		return false;
	head = slice_make(rest->p, (size_t)(end - rest->p));
	if (!slice_next(&head, ' ', &number) ||
	    number_parse_u64(number, numberp) < 0 ||
	    number_parse_u64(head, &n) < 0)
		return false;
	end++;
	if (n >= rest->n - (size_t)(end - rest->p) || end[n] != '\n')
		return false;
	*messagep = slice_make(end, n);
	*rest = slice_skip(*rest, (size_t)(end - rest->p) + n + 1);
	return true;
}

/* Negative: out of memory. */
static int apply(struct alerts_file *file, struct slice message,
                 uint64_t now_ms)
{
	struct am_message read;
	struct alert_news news;
	int r = am_read(file->options.reader, message, &read, NULL);

	if (r == 0)
		r = alert_table_apply(file->options.table, &read, now_ms,
		                      &news);
	return r < 0 ? r : 0;
}

/* Negative: out of memory; *restp: what is left of a file that is not whole. */
static int apply_all(struct alerts_file *file, struct slice text,
                     uint64_t now_ms, uint64_t *lastp, size_t *restp)
{
	struct slice message;
	uint64_t number = 0;
	int r = 0;

	while (r == 0 && next_record(&text, &number, &message)) {
		r = apply(file, message, now_ms);
		*lastp = number;
		file->n_records = MAX(file->n_records, number);
	}
	*restp = text.n;
	return r;
}

static void complain(struct alerts_file *file, const char *what,
                     const char *path, const char *why)
{
	log_warn(file->options.log, what, LOG_STR("file", path),
	         LOG_STR("error", why));
}

/* One of the three; what is wrong with it is said. */
static int read_one(struct alerts_file *file, int n, struct buf *text,
                    bool *usablep)
{
	char path[PATH_SIZE];
	struct err err = { 0 };
	int r;

	path_of(file, n, path);
	*usablep = true;
	r = atomic_file_read(path, ALERTS_FILE_MAX, text, &err);
	if (r == 0 || r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	complain(file, "alerts that were taken cannot be read", path,
	         err.message);
	*usablep = false;
	return 0;
}

static int read_whole(struct alerts_file *file, uint64_t now_ms)
{
	char path[PATH_SIZE];
	struct err err = { 0 };
	struct buf text;
	uint64_t last = 0;
	size_t rest = 0;
	bool usable;
	int r = read_one(file, -1, &text, &usable);

	if (r == 0)
		r = apply_all(file, buf_slice(&text), now_ms, &last, &rest);
	file->whole_bytes = text.n;
	buf_fini(&text);
	if (r < 0 || (usable && rest == 0))
		return r;
	path_of(file, -1, path);
	if (usable)
		complain(file,
		         "the file of alerts is damaged; what is whole "
		         "was read",
		         path, "a record is not whole");
	if (atomic_file_set_aside(path, (int64_t)time(NULL), &err) < 0)
		complain(file, "the damaged file of alerts stays where it is",
		         path, err.message);
	return 0;
}

/* The number of the first record; UINT64_MAX: it has none. */
static uint64_t first_of(struct slice text)
{
	struct slice message;
	uint64_t number;

	return next_record(&text, &number, &message) ? number : UINT64_MAX;
}

static int read_logs(struct alerts_file *file, uint64_t now_ms)
{
	struct buf texts[N_LOGS];
	bool usable[N_LOGS];
	char path[PATH_SIZE];
	size_t rest;
	unsigned first;
	int r = 0;

	for (int i = 0; i < N_LOGS; i++) {
		int one = read_one(file, i, &texts[i], &usable[i]);

		r = one < 0 ? one : r;
	}
	first = first_of(buf_slice(&texts[1])) < first_of(buf_slice(&texts[0]));
	for (unsigned i = 0; i < N_LOGS && r == 0; i++) {
		unsigned which = first ^ i;

		r = apply_all(file, buf_slice(&texts[which]), now_ms,
		              &file->logs[which].last, &rest);
		file->logs[which].torn = rest > 0 || !usable[which];
		file->now = which;
	}
	for (int i = 0; i < N_LOGS && r == 0; i++) {
		path_of(file, i, path);
		file->logs[i].file =
			append_file_new(file->options.loop, path, texts[i].n,
		                        ALERTS_FILE_WAIT, FILE_MODE);
		if (!file->logs[i].file)
			r = -ENOMEM;
	}
	for (int i = 0; i < N_LOGS; i++)
		buf_fini(&texts[i]);
	return r;
}

/* --- all, anew ----------------------------------------------------------------- */

static void begin_whole(struct alerts_file *file);
static void maybe_closed(struct alerts_file *file);

static int write_record(struct alerts_file *file, struct buf *out,
                        struct slice message, uint64_t number)
{
	(void)buf_printf(out, "%llu %zu\n", (unsigned long long)number,
	                 message.n);
	(void)buf_append(out, message.p, message.n);
	return buf_putc(out, '\n');
}

static int next_piece(struct atomic_write *write, struct buf *piece)
{
	struct alerts_file *file =
		container_of(write, struct alerts_file, write);
	bool more = true;

	while (more && piece->n < PIECE_SIZE && !piece->failed) {
		struct slice rest;
		struct slice line;

		buf_reset(&file->lines);
		more = alert_table_write_next(file->options.table,
		                              &file->lines);
		if (file->lines.failed)
			return file->lines.failed;
		rest = buf_slice(&file->lines);
		while (slice_next(&rest, '\n', &line))
			(void)write_record(file, piece, line, file->n_writing);
	}
	file->n_bytes += piece->n;
	return piece->failed ? piece->failed : more;
}

static void finish_writes(struct list *writes, const struct err *err)
{
	struct list *node;

	while ((node = list_pop(writes))) {
		struct alerts_write *write =
			container_of(node, struct alerts_write, node);

		write->err = *err;
		write->done(write);
	}
}

static void note_result(struct alerts_file *file, const struct err *err)
{
	if (err->code < 0) {
		file->n_failures++;
		if (!file->failing)
			log_warn(file->options.log,
			         "alerts cannot be kept, they are acted on, "
			         "but not acknowledged",
			         LOG_STR("error", err->message));
	} else if (file->failing) {
		log_info(file->options.log, "alerts are kept again");
	}
	file->failing = err->code < 0;
}

static void clear_logs(struct alerts_file *file)
{
	for (unsigned i = 0; i < N_LOGS; i++) {
		if (file->logs[i].last <= file->n_writing)
			append_file_clear(file->logs[i].file);
	}
}

static void on_whole(struct atomic_write *write)
{
	struct alerts_file *file =
		container_of(write, struct alerts_file, write);
	struct list covered = LIST_INIT(covered);
	struct list *node;

	file->writing = false;
	note_result(file, &write->err);
	if (write->err.code == 0) {
		file->whole_bytes = file->n_bytes;
		clear_logs(file);
	}
	while ((node = list_pop(&file->covered)))
		list_append(&covered, node);
	finish_writes(&covered, &write->err);
	if (file->again || !list_empty(&file->waits))
		begin_whole(file);
	maybe_closed(file);
}

static void on_timer(uv_timer_t *timer)
{
	begin_whole(container_of(timer, struct alerts_file, timer));
}

static void begin_whole(struct alerts_file *file)
{
	struct list *node;
	int r;

	if (file->writing || !file->whole) {
		file->again = file->writing;
		return;
	}
	file->again = false;
	file->n_bytes = 0;
	file->n_writing = file->n_records;
	alert_table_rewind(file->options.table);
	while ((node = list_pop(&file->waits)))
		list_append(&file->covered, node);
	file->writing = true;
	r = atomic_file_write_pieces(file->whole, PIECE_MAX, &file->write,
	                             next_piece, on_whole);
	if (r == 0)
		return;
	file->writing = false;
	(void)err_set_code(&file->write.err, r, "%s/alerts", file->dir);
	note_result(file, &file->write.err);
	finish_writes(&file->covered, &file->write.err);
}

void alerts_file_renew(struct alerts_file *file)
{
	if (!file->closing)
		(void)uv_timer_start(&file->timer, on_timer, 0, 0);
}

/* --- one more -------------------------------------------------------------------- */

static bool is_empty(const struct log_file *log)
{
	return append_file_size(log->file) == 0;
}

/* When it has grown the other takes its place. */
static void maybe_renew(struct alerts_file *file)
{
	const struct log_file *log = &file->logs[file->now];
	size_t grown = MAX(ALERTS_FILE_GROWN, 2 * file->whole_bytes);

	if (!log->torn &&
	    (file->writing || append_file_size(log->file) < grown))
		return;
	if (is_empty(&file->logs[1 - file->now]))
		file->now = 1 - file->now;
	alerts_file_renew(file);
}

/* The one that is appended to; NULL: what is appended would not be found. */
static struct log_file *take_log(struct alerts_file *file)
{
	struct log_file *log;

	if (file->failing)
		return NULL;
	maybe_renew(file);
	log = &file->logs[file->now];
	log->torn &= !is_empty(log);
	return log->torn ? NULL : log;
}

static void on_appended(struct append_write *append)
{
	struct alerts_write *write =
		container_of(append, struct alerts_write, append);
	struct alerts_file *file = write->file;

	write->err = append->err;
	if (append->err.code < 0) {
		write->log->torn = true;
		note_result(file, &append->err);
	}
	write->done(write);
}

int alerts_file_write(struct alerts_file *file, struct slice message,
                      struct alerts_write *write, alerts_write_cb done)
{
	struct log_file *log = take_log(file);
	struct buf text;
	int r;

	write->file = file;
	write->done = done;
	if (!log) {
		list_append(&file->waits, &write->node);
		alerts_file_renew(file);
		return 0;
	}
	buf_init(&text, message.n + HEAD_MAX);
	r = write_record(file, &text, message, file->n_records + 1);
	if (r == 0)
		r = append_file_write(log->file, buf_slice(&text),
		                      &write->append, on_appended);
	buf_fini(&text);
	write->log = log;
	if (r == 0)
		log->last = ++file->n_records;
	else
		alerts_file_doubt(file);
	return r;
}

void alerts_file_doubt(struct alerts_file *file)
{
	file->failing = true;
	alerts_file_renew(file);
}

bool alerts_file_is_failing(const struct alerts_file *file)
{
	return file->failing;
}

uint64_t alerts_file_n_failures(const struct alerts_file *file)
{
	return file->n_failures;
}

/* --- life ------------------------------------------------------------------------- */

static void file_free(struct alerts_file *file)
{
	buf_fini(&file->lines);
	mem_free(file);
}

static void on_closed_one(void *context)
{
	struct alerts_file *file = context;
	void (*closed)(void *) = file->closed;
	void *closed_context = file->closed_context;

	if (--file->n_open > 0)
		return;
	file_free(file);
	closed(closed_context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_closed_one(
		container_of((uv_timer_t *)handle, struct alerts_file, timer));
}

static void maybe_closed(struct alerts_file *file)
{
	static const struct err cancelled = {
		.code = UV_ECANCELED,
		.message = "the program ends",
	};
	struct atomic_file *whole = file->whole;

	if (!file->closing || file->writing || !whole)
		return;
	finish_writes(&file->waits, &cancelled);
	file->whole = NULL;
	file->n_open = 2 + N_LOGS;
	atomic_file_close(whole, on_closed_one, file);
	for (unsigned i = 0; i < N_LOGS; i++)
		append_file_close(file->logs[i].file, on_closed_one, file);
	uv_close((uv_handle_t *)&file->timer, on_timer_closed);
}

void alerts_file_close(struct alerts_file *file, void (*closed)(void *context),
                       void *context)
{
	file->closing = true;
	file->closed = closed;
	file->closed_context = context;
	(void)uv_timer_stop(&file->timer);
	maybe_closed(file);
}

/* Of one that was never opened: what was made does nothing yet, but frees
 * itself only in the loop. */
static void on_dropped(void *context)
{
}

static void file_drop(struct alerts_file *file)
{
	for (unsigned i = 0; i < N_LOGS; i++) {
		if (file->logs[i].file)
			append_file_close(file->logs[i].file, on_dropped, NULL);
	}
	if (file->whole)
		atomic_file_close(file->whole, on_dropped, NULL);
	file_free(file);
}

int alerts_file_open(const struct alerts_file_options *options, uint64_t now_ms,
                     struct alerts_file **filep)
{
	size_t n = strlen(options->dir) + 1;
	struct alerts_file *file = mem_calloc(1, sizeof(*file) + n);
	char path[PATH_SIZE];
	int r;

	if (!file)
		return -ENOMEM;
	memcpy(file->dir, options->dir, n);
	file->options = *options;
	list_init(&file->waits);
	list_init(&file->covered);
	buf_init(&file->lines, PIECE_MAX);
	r = read_whole(file, now_ms);
	if (r == 0)
		r = read_logs(file, now_ms);
	path_of(file, -1, path);
	if (r == 0)
		file->whole = atomic_file_new(options->loop, path, FILE_MODE);
	if (r < 0 || !file->whole) {
		file_drop(file);
		return -ENOMEM;
	}
	(void)uv_timer_init(options->loop, &file->timer); /* cannot fail */
	if (append_file_size(file->logs[0].file) > 0 ||
	    append_file_size(file->logs[1].file) > 0)
		alerts_file_renew(file);
	*filep = file;
	return 0;
}
