/* SPDX-License-Identifier: Apache-2.0 */
#include "io/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/number.h"

#define TEMP_SUFFIX    ".tmp"
#define DAMAGED_SUFFIX ".damaged-"

struct atomic_file {
	uv_loop_t *loop;
	char *path;
	char *temp_path; /* beside it, so that a rename is enough */
	char *dir_path;
	int mode;

	/* the write in flight */
	bool busy;
	uv_fs_t request;    /* of the present step */
	uv_file fd;         /* the temporary file's or directory's; -1: none */
	bool temp_exists;   /* we have created it and must remove it */
	bool stale_removed; /* the one of an interrupted run, at most once */
	struct buf content;
	size_t n_written;            /* bytes of it */
	struct atomic_write *pieces; /* has more than `content`, or NULL */
	struct err err;              /* why it failed */
	struct list writes;          /* who waits for it */

	/* the newest content, not begun */
	bool has_next;
	struct buf next;
	struct list next_writes;

	bool closing;
	bool ended;        /* `closer` is on its way */
	uv_timer_t closer; /* only so that `closed` comes from the loop */
	atomic_file_closed_cb closed;
	void *closed_context;
};

static int file_create(struct atomic_file *file);
static void file_tidy(struct atomic_file *file);

static struct atomic_file *file_of(uv_fs_t *request)
{
	return container_of(request, struct atomic_file, request);
}

/* --- the life of the object -------------------------------------------- */

/* The directory part of @path; NULL if out of memory. */
static char *path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* @path with @suffix; NULL if out of memory. */
static char *path_with(const char *path, const char *suffix)
{
	struct buf text;
	char *result;

	buf_init(&text, PATH_MAX);
	(void)buf_puts(&text, path);
	(void)buf_puts(&text, suffix);
	result = buf_take(&text);
	buf_fini(&text);
	return result;
}

static void file_free(struct atomic_file *file)
{
	buf_fini(&file->content);
	buf_fini(&file->next);
	mem_free(file->path);
	mem_free(file->temp_path);
	mem_free(file->dir_path);
	mem_free(file);
}

struct atomic_file *atomic_file_new(uv_loop_t *loop, const char *path, int mode)
{
	struct atomic_file *file = mem_calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->loop = loop;
	file->mode = mode;
	file->fd = -1;
	list_init(&file->writes);
	list_init(&file->next_writes);
	file->path = mem_strdup(path);
	file->temp_path = path_with(path, TEMP_SUFFIX);
	file->dir_path = path_dir(path);
	if (!file->path || !file->temp_path || !file->dir_path) {
		file_free(file);
		return NULL;
	}
	return file;
}

static void on_closer_closed(uv_handle_t *handle)
{
	struct atomic_file *file =
		container_of((uv_timer_t *)handle, struct atomic_file, closer);
	atomic_file_closed_cb closed = file->closed;
	void *context = file->closed_context;

	file_free(file);
	closed(context);
}

static void file_maybe_closed(struct atomic_file *file)
{
	/* a completion may have closed it, and then we come here twice */
	if (!file->closing || file->busy || file->ended)
		return;
	file->ended = true;
	(void)uv_timer_init(file->loop, &file->closer);
	uv_close((uv_handle_t *)&file->closer, on_closer_closed);
}

void atomic_file_close(struct atomic_file *file, atomic_file_closed_cb closed,
                       void *context)
{
	file->closing = true;
	file->closed = closed;
	file->closed_context = context;
	file_maybe_closed(file);
}

/* --- one content after the other ---------------------------------------- */

static void list_move_all(struct list *to, struct list *from)
{
	struct list *node;

	while ((node = list_pop(from)))
		list_append(to, node);
}

/* The newest content goes in flight. */
static int file_begin(struct atomic_file *file)
{
	file->content = file->next;
	file->next = (struct buf){ 0 };
	file->has_next = false;
	file->n_written = 0;
	file->stale_removed = false;
	err_clear(&file->err);
	list_move_all(&file->writes, &file->next_writes);
	file->busy = true;
	return file_create(file);
}

/* Nothing is in flight any more; its writes go to @finished. */
static void file_settle(struct atomic_file *file, struct list *finished)
{
	struct list *node;

	while ((node = list_pop(&file->writes))) {
		container_of(node, struct atomic_write, node)->err = file->err;
		list_append(finished, node);
	}
	file->pieces = NULL;
	buf_fini(&file->content);
	file->busy = false;
}

/* The steps are over, well or not. */
static void file_finish(struct atomic_file *file)
{
	struct list finished = LIST_INIT(finished);
	struct list *node;

	if (file->err.code < 0 && file->has_next) {
		/* no harm done: their content has been replaced already, and
		 * they wait, as the elder, for the newer one */
		list_move_all(&file->writes, &file->next_writes);
		list_move_all(&file->next_writes, &file->writes);
	}
	file_settle(file, &finished);
	if (file->has_next && file_begin(file) < 0)
		file_settle(file, &finished);

	while ((node = list_pop(&finished))) {
		struct atomic_write *write =
			container_of(node, struct atomic_write, node);

		write->done(write);
	}
	file_maybe_closed(file);
}

int atomic_file_write(struct atomic_file *file, struct buf *content,
                      struct atomic_write *write, atomic_write_cb done)
{
	if (content->failed)
		return content->failed;

	err_clear(&write->err);
	write->next = NULL;
	write->done = done;
	list_append(&file->next_writes, &write->node);
	buf_fini(&file->next);
	file->next = *content;
	file->has_next = true;

	if (!file->busy && file_begin(file) < 0) {
		/* it was idle, so that nobody else waits */
		list_unlink(&write->node);
		file->content = (struct buf){ 0 };
		file->busy = false;
		return file->err.code;
	}
	buf_init(content, content->max);
	return 0;
}

int atomic_file_write_pieces(struct atomic_file *file, size_t max_piece,
                             struct atomic_write *write, atomic_piece_cb next,
                             atomic_write_cb done)
{
	if (file->busy)
		return UV_EBUSY;

	err_clear(&write->err);
	write->next = next;
	write->done = done;
	list_append(&file->next_writes, &write->node);
	buf_init(&file->next, max_piece);
	file->pieces = write;
	if (file_begin(file) == 0)
		return 0;
	list_unlink(&write->node);
	file->pieces = NULL;
	file->busy = false;
	return file->err.code;
}

/* --- the steps of a write, last to first --------------------------------- */

static int file_failed(struct atomic_file *file, int code, const char *verb,
                       const char *path)
{
	return err_set_code(&file->err, code, "cannot %s \"%s\"", verb, path);
}

static int request_result(uv_fs_t *request)
{
	int r = (int)MIN(request->result, INT_MAX);

	uv_fs_req_cleanup(request);
	return r;
}

static void on_tidied(uv_fs_t *request)
{
	uv_fs_req_cleanup(request);
	file_tidy(file_of(request));
}

/* Closes what is open, removes what must not stay, then it is over. */
static void file_tidy(struct atomic_file *file)
{
	uv_file fd = file->fd;

	if (fd >= 0) {
		file->fd = -1;
		if (uv_fs_close(file->loop, &file->request, fd, on_tidied) == 0)
			return;
	}
	if (file->temp_exists) {
		file->temp_exists = false;
		if (uv_fs_unlink(file->loop, &file->request, file->temp_path,
		                 on_tidied) == 0)
			return;
	}
	file_finish(file);
}

static void on_dir_synced(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	/* some file systems cannot; the rename itself is done */
	if (r < 0 && r != UV_EINVAL && r != UV_ENOTSUP)
		(void)file_failed(file, r, "sync", file->dir_path);
	file_tidy(file);
}

static void on_dir_opened(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	if (r >= 0) {
		file->fd = r;
		r = uv_fs_fsync(file->loop, request, file->fd, on_dir_synced);
	}
	if (r < 0) {
		(void)file_failed(file, r, "open", file->dir_path);
		file_tidy(file);
	}
}

static void on_renamed(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	if (r == 0) {
		file->temp_exists = false;
		r = uv_fs_open(file->loop, request, file->dir_path,
		               O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
		               on_dir_opened);
	}
	if (r < 0) {
		(void)file_failed(file, r, "replace", file->path);
		file_tidy(file);
	}
}

static void on_temp_closed(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	if (r == 0)
		r = uv_fs_rename(file->loop, request, file->temp_path,
		                 file->path, on_renamed);
	if (r < 0) {
		(void)file_failed(file, r, "close", file->temp_path);
		file_tidy(file);
	}
}

static void on_synced(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	uv_file fd = file->fd;
	int r = request_result(request);

	if (r == 0) {
		file->fd = -1;
		r = uv_fs_close(file->loop, request, fd, on_temp_closed);
	}
	if (r < 0) {
		(void)file_failed(file, r, "sync", file->temp_path);
		file_tidy(file);
	}
}

static void on_written(uv_fs_t *request);

/* When all of a piece is in the file. */
static int file_next_piece(struct atomic_file *file)
{
	struct atomic_write *write = file->pieces;
	int more;

	buf_reset(&file->content);
	file->n_written = 0;
	more = write->next(write, &file->content);
	if (more < 0)
		return more;
	if (file->content.failed)
		return file->content.failed;
	if (more == 0)
		file->pieces = NULL;
	else if (file->content.n == 0)
		return UV_EINVAL; /* or it would never end */
	return 0;
}

/* Writes what is left, or goes on to the sync when nothing is. */
static int file_write_rest(struct atomic_file *file)
{
	uv_buf_t rest;

	if (file->n_written == file->content.n && file->pieces) {
		int r = file_next_piece(file);

		if (r < 0)
			return r;
	}
	if (file->n_written == file->content.n)
		return uv_fs_fsync(file->loop, &file->request, file->fd,
		                   on_synced);
	rest = uv_buf_init(file->content.p + file->n_written,
	                   (unsigned)MIN(file->content.n - file->n_written,
	                                 (size_t)INT_MAX));
	return uv_fs_write(file->loop, &file->request, file->fd, &rest, 1, -1,
	                   on_written);
}

static void on_written(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	if (r == 0)
		r = UV_EIO; /* or it would never end */
	if (r > 0) {
		file->n_written += (size_t)r;
		r = file_write_rest(file);
	}
	if (r < 0) {
		(void)file_failed(file, r, "write", file->temp_path);
		file_tidy(file);
	}
}

static void on_stale_removed(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	if (r < 0 && r != UV_ENOENT)
		(void)file_failed(file, r, "remove", file->temp_path);
	else if (file_create(file) == 0)
		return;
	file_tidy(file);
}

static void on_created(uv_fs_t *request)
{
	struct atomic_file *file = file_of(request);
	int r = request_result(request);

	if (r >= 0) {
		file->fd = r;
		file->temp_exists = true;
		r = file_write_rest(file);
	} else if (r == UV_EEXIST && !file->stale_removed) {
		file->stale_removed = true;
		r = uv_fs_unlink(file->loop, request, file->temp_path,
		                 on_stale_removed);
	}
	if (r < 0) {
		(void)file_failed(file, r, "create", file->temp_path);
		file_tidy(file);
	}
}

/* O_EXCL: never through a link that somebody left there. */
static int file_create(struct atomic_file *file)
{
	int r = uv_fs_open(file->loop, &file->request, file->temp_path,
	                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode,
	                   on_created);

	if (r < 0)
		(void)file_failed(file, r, "create", file->temp_path);
	return r;
}

/* --- reading -------------------------------------------------------------- */

static int read_all(int fd, const char *path, size_t max, struct buf *content,
                    struct err *err)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return err_set_code(err, -errno, "cannot look at \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "\"%s\" is not a regular file",
		               path);
	if ((uintmax_t)st.st_size > max)
		goto too_large;

	/* one byte more than it should have tells the end from growth */
	do {
		char bytes[4096];

		n = read(fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_code(err, -errno, "cannot read \"%s\"",
			                    path);
		if ((size_t)n > max - content->n)
			goto too_large;
		if (buf_append(content, bytes, (size_t)n) < 0)
			return err_set_code(err, content->failed,
			                    "cannot read \"%s\"", path);
	} while (n != 0);
	return 0;

too_large:
	return err_set(err, -EFBIG, "\"%s\" is larger than %zu bytes", path,
	               max);
}

int atomic_file_read(const char *path, size_t max, struct buf *content,
                     struct err *err)
{
	int fd;
	int r;

	buf_init(content, max);
	/* O_NONBLOCK: a fifo must not hold the start up */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set_code(err, -errno, "cannot open \"%s\"", path);
	r = read_all(fd, path, max, content, err);
	(void)close(fd);
	return r;
}

/* --- setting aside ---------------------------------------------------------- */

/* Whether @name is one of @base's damaged files, and of when. */
static bool damaged_time(const char *name, const char *base, int64_t *timep)
{
	struct slice text = slice_from(name);

	if (!slice_starts(text, base))
		return false;
	text = slice_skip(text, strlen(base));
	if (!slice_starts(text, DAMAGED_SUFFIX))
		return false;
	text = slice_skip(text, strlen(DAMAGED_SUFFIX));
	return number_parse_i64(text, timep) == 0;
}

/* Removes the oldest of @base's damaged files if there are too many. True if
 * it did, so that it is worth looking again. */
static bool damaged_prune(DIR *dir, const char *base)
{
	char oldest[NAME_MAX + 1] = "";
	int64_t oldest_time = 0;
	struct dirent *entry;
	size_t n = 0;

	rewinddir(dir);
	while ((entry = readdir(dir))) {
		int64_t time;

		if (!damaged_time(entry->d_name, base, &time))
			continue;
		if (n++ > 0 && time >= oldest_time)
			continue;
		oldest_time = time;
		(void)snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
	}
	return n > ATOMIC_FILE_MAX_DAMAGED &&
	       unlinkat(dirfd(dir), oldest, 0) == 0;
}

/* That older ones stay is no reason to complain. */
static void damaged_prune_all(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir_path = path_dir(path);
	DIR *dir = dir_path ? opendir(dir_path) : NULL;

	while (dir && damaged_prune(dir, slash ? slash + 1 : path))
		continue;
	if (dir)
		(void)closedir(dir);
	mem_free(dir_path);
}

int atomic_file_set_aside(const char *path, int64_t unix_time, struct err *err)
{
	char suffix[sizeof(DAMAGED_SUFFIX) + 20];
	char *aside;
	int r = 0;

	(void)snprintf(suffix, sizeof(suffix), DAMAGED_SUFFIX "%" PRId64,
	               unix_time);
	aside = path_with(path, suffix);
	if (!aside)
		return err_set_code(err, -ENOMEM, "cannot set \"%s\" aside",
		                    path);
	if (rename(path, aside) < 0)
		r = err_set_code(err, -errno, "cannot rename \"%s\" to \"%s\"",
		                 path, aside);
	else
		damaged_prune_all(path);
	mem_free(aside);
	return r;
}
