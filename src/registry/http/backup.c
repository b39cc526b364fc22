/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup: the database as it is now, whole, as a file to keep. The copy is
 * made beside it in the pool, loses its name, and is read while it is sent.
 */
#include "registry/http/routes_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/mem.h"

#define PATH_SIZE  4096
#define PIECE_SIZE 65536 /* bytes that are read at once: from memory, mostly */

struct backup {
	struct store_copy copy;
	struct list node; /* of http->pending, until it is sent */
	struct registry_call call;
	int fd;
	char path[PATH_SIZE];
};

static void backup_free(struct backup *backup)
{
	if (backup->fd >= 0)
		(void)close(backup->fd);
	mem_free(backup);
}

static void produce(void *state, struct buf *out)
{
	struct backup *backup = state;
	ssize_t n;

	if (!out) {
		backup_free(backup);
		return;
	}
	if (buf_reserve(out, PIECE_SIZE) < 0)
		return;
	n = read(backup->fd, out->p + out->n, PIECE_SIZE);
	if (n < 0)
		out->failed = -errno;
	else
		out->n += (size_t)n;
}

static void on_copied(struct store_copy *copy)
{
	struct backup *backup = container_of(copy, struct backup, copy);
	struct registry_http *http = backup->call.http;
	int r = copy->err.code;

	list_unlink(&backup->node);
	if (r == 0) {
		backup->fd = open(backup->path, O_RDONLY | O_CLOEXEC);
		if (backup->fd < 0)
			r = err_set_code(&copy->err, -errno,
			                 "cannot read \"%s\"", backup->path);
		(void)unlink(backup->path);
	}
	if (r == 0) {
		http_respond_stream(backup->call.exchange, 200,
		                    "application/vnd.sqlite3", NULL, produce,
		                    backup);
	} else {
		call_fail(&backup->call, r, copy->err.message);
		backup_free(backup);
	}
	registry_http_maybe_closed(http);
}

static void send_backup(struct registry_call *call)
{
	struct backup *backup = mem_calloc(1, sizeof(*backup));
	struct err err = { 0 };
	int n;
	int r;

	if (!backup) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	backup->fd = -1;
	backup->call = call_kept(call);
	n = snprintf(backup->path, sizeof(backup->path), "%s.copy",
	             registry_config(call->registry)->path);
	r = n > 0 && (size_t)n < sizeof(backup->path)
	            ? store_copy(registry_store(call->registry), backup->path,
	                         &backup->copy, on_copied, &err)
	            : err_set_code(&err, -ENAMETOOLONG, "registry.path");
	if (r < 0) {
		call_fail(call, r, err.message);
		backup_free(backup);
		return;
	}
	list_append(&call->http->pending, &backup->node);
}

static const struct registry_route rows[] = {
	{ .method = "GET",
	  .pattern = "/registry/backup",
	  .scope = SCOPE_ADMIN,
	  .handle = send_backup,
	  .tag = "Registry",
	  .summary = "The database, whole, as a file of SQLite",
	  .answer = "File",
	  .status = 200 },
};

const struct registry_routes registry_routes_backup = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
