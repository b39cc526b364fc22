/* SPDX-License-Identifier: Apache-2.0 */
#include "io/append_file.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/mem.h"

struct append_file {
	uv_loop_t *loop;
	char *path;
	int mode;
	uv_file fd; /* -1: not opened yet */
	size_t size;

	/* what is in flight */
	bool busy;
	bool clearing; /* it is the emptying, of a file that may not be open */
	uv_fs_t request;
	struct buf content;
	size_t n_written; /* bytes of it */
	struct list writes;
	struct err err;

	/* what has not begun */
	struct buf next;
	struct list next_writes;

	bool closing;
	bool ended;        /* `closer` is on its way */
	uv_timer_t closer; /* only so that `closed` comes from the loop */
	append_file_closed_cb closed;
	void *closed_context;
};

static int file_begin(struct append_file *file);

static struct append_file *file_of(uv_fs_t *request)
{
	return container_of(request, struct append_file, request);
}

/* --- the life of the object ---------------------------------------------- */

static void file_free(struct append_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	buf_fini(&file->content);
	buf_fini(&file->next);
	mem_free(file->path);
	mem_free(file);
}

struct append_file *append_file_new(uv_loop_t *loop, const char *path,
                                    size_t size, size_t max, int mode)
{
	struct append_file *file = mem_calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->loop = loop;
	file->mode = mode;
	file->fd = -1;
	file->size = size;
	list_init(&file->writes);
	list_init(&file->next_writes);
	buf_init(&file->content, max);
	buf_init(&file->next, max);
	file->path = mem_strdup(path);
	if (!file->path) {
		file_free(file);
		return NULL;
	}
	return file;
}

size_t append_file_size(const struct append_file *file)
{
	return file->size + (file->content.n - file->n_written) + file->next.n;
}

static void on_closer_closed(uv_handle_t *handle)
{
	struct append_file *file =
		container_of((uv_timer_t *)handle, struct append_file, closer);
	append_file_closed_cb closed = file->closed;
	void *context = file->closed_context;

	file_free(file);
	closed(context);
}

static void file_maybe_closed(struct append_file *file)
{
	/* a completion may have closed it, and then we come here twice */
	if (!file->closing || file->busy || file->ended)
		return;
	file->ended = true;
	(void)uv_timer_init(file->loop, &file->closer);
	uv_close((uv_handle_t *)&file->closer, on_closer_closed);
}

void append_file_close(struct append_file *file, append_file_closed_cb closed,
                       void *context)
{
	file->closing = true;
	file->closed = closed;
	file->closed_context = context;
	file_maybe_closed(file);
}

/* --- one after the other --------------------------------------------------- */

/* Nothing is in flight any more; its writes go to @finished. */
static void file_settle(struct append_file *file, struct list *finished)
{
	struct list *node;

	while ((node = list_pop(&file->writes))) {
		container_of(node, struct append_write, node)->err = file->err;
		list_append(finished, node);
	}
	buf_reset(&file->content);
	file->n_written = 0;
	file->clearing = false;
	file->busy = false;
}

static void file_finish(struct append_file *file)
{
	struct list finished = LIST_INIT(finished);
	struct list *node;

	file_settle(file, &finished);
	if (file->next.n && file_begin(file) < 0)
		file_settle(file, &finished);
	while ((node = list_pop(&finished))) {
		struct append_write *write =
			container_of(node, struct append_write, node);

		write->done(write);
	}
	file_maybe_closed(file);
}

static int file_failed(struct append_file *file, int code, const char *verb)
{
	return err_set_code(&file->err, code, "cannot %s \"%s\"", verb,
	                    file->path);
}

static int request_result(uv_fs_t *request)
{
	int r = (int)MIN(request->result, INT_MAX);

	uv_fs_req_cleanup(request);
	return r;
}

/* --- the steps, last to first ---------------------------------------------- */

static void on_cleared(uv_fs_t *request)
{
	struct append_file *file = file_of(request);

	if (request_result(request) == 0)
		file->size = 0;
	file_finish(file);
}

static void on_written(uv_fs_t *request);

static int file_write_rest(struct append_file *file)
{
	uv_buf_t rest =
		uv_buf_init(file->content.p + file->n_written,
	                    (unsigned)(file->content.n - file->n_written));

	return uv_fs_write(file->loop, &file->request, file->fd, &rest, 1, -1,
	                   on_written);
}

static void on_written(uv_fs_t *request)
{
	struct append_file *file = file_of(request);
	int r = request_result(request);

	if (r == 0)
		r = UV_EIO; /* or it would never end */
	if (r > 0) {
		file->n_written += (size_t)r;
		file->size += (size_t)r;
		r = file->n_written < file->content.n ? file_write_rest(file)
		                                      : 1;
	}
	if (r < 0)
		(void)file_failed(file, r, "write");
	if (r != 0)
		file_finish(file);
}

/* It is open. */
static int file_go_on(struct append_file *file)
{
	if (file->clearing)
		return uv_fs_ftruncate(file->loop, &file->request, file->fd, 0,
		                       on_cleared);
	return file_write_rest(file);
}

static void on_opened(uv_fs_t *request)
{
	struct append_file *file = file_of(request);
	int r = request_result(request);

	if (r >= 0) {
		file->fd = r;
		r = file_go_on(file);
	}
	if (r < 0) {
		(void)file_failed(file, r, "open");
		file_finish(file);
	}
}

/* O_NOFOLLOW: never through a link that somebody left there. */
static int file_step(struct append_file *file)
{
	int r;

	if (file->fd >= 0)
		r = file_go_on(file);
	else
		r = uv_fs_open(file->loop, &file->request, file->path,
		               O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
		                       O_NOFOLLOW | O_NONBLOCK,
		               file->mode, on_opened);
	return r < 0 ? file_failed(file, r, "write") : 0;
}

/* What waits goes in flight. */
static int file_begin(struct append_file *file)
{
	struct buf empty = file->content;
	struct list *node;

	file->content = file->next;
	file->next = empty;
	while ((node = list_pop(&file->next_writes)))
		list_append(&file->writes, node);
	err_clear(&file->err);
	file->busy = true;
	return file_step(file);
}

int append_file_write(struct append_file *file, struct slice text,
                      struct append_write *write, append_write_cb done)
{
	int r;

	if (file->next.n + text.n > file->next.max)
		return UV_ENOSPC;
	r = buf_append(&file->next, text.p, text.n);
	if (r < 0) {
		file->next.failed = 0; /* the next may be luckier */
		return r;
	}
	err_clear(&write->err);
	write->done = done;
	list_append(&file->next_writes, &write->node);
	if (file->busy || file_begin(file) == 0)
		return 0;
	/* it was idle, so that nobody else waits */
	list_unlink(&write->node);
	buf_reset(&file->content);
	file->busy = false;
	return file->err.code;
}

void append_file_clear(struct append_file *file)
{
	if (file->busy || file->size == 0)
		return;
	file->clearing = true;
	file->busy = true;
	err_clear(&file->err);
	if (file_step(file) == 0)
		return;
	file->clearing = false;
	file->busy = false;
}
