/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/kept_file.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "registry/worker/fetch.h"

static void note(struct kept_file *file, struct slice content)
{
	file->n_bytes = content.n;
	sha256(content, file->digest);
	file->known = true;
}

static int look(struct kept_file *file, struct err *err)
{
	struct buf content;
	int r = atomic_file_read(file->path, FETCH_MAX_DOCUMENT, &content, err);

	file->known = false;
	if (r == 0)
		note(file, buf_slice(&content));
	buf_fini(&content);
	/* what is too large, or damaged, is replaced */
	return r == -ENOENT || r == -EFBIG ? 0 : r;
}

void kept_file_look(struct kept_file *file)
{
	file->doubted = file->busy;
	if (file->path && !file->busy)
		(void)look(file, NULL);
}

int kept_file_open(struct kept_file *file, uv_loop_t *loop, struct life *life,
                   const char *path, int mode, struct err *err)
{
	file->life = life;
	file->path = mem_strdup(path);
	if (!file->path)
		return -ENOMEM;
	file->file = atomic_file_new(loop, path, mode);
	if (!file->file)
		return -ENOMEM;
	life_hold(life);
	return look(file, err);
}

static void on_written(struct atomic_write *write)
{
	struct kept_file *file = container_of(write, struct kept_file, write);

	file->busy = false;
	file->err = write->err;
	if (write->err.code || file->doubted)
		file->known = false;
	if (!write->err.code)
		file->n_writes++;
	file->doubted = false;
	file->done(file);
}

int kept_file_put(struct kept_file *file, struct buf *content,
                  void (*done)(struct kept_file *file))
{
	struct slice text = buf_slice(content);
	uint8_t digest[SHA256_SIZE];
	int r;

	err_clear(&file->err);
	sha256(text, digest);
	if (file->known && text.n == file->n_bytes &&
	    memcmp(digest, file->digest, sizeof(digest)) == 0) {
		buf_fini(content);
		return 1;
	}
	note(file, text);
	file->done = done;
	r = atomic_file_write(file->file, content, &file->write, on_written);
	file->busy = r == 0;
	if (r < 0) {
		file->known = false;
		(void)err_set_code(&file->err, r, "cannot write \"%s\"",
		                   file->path);
		buf_fini(content);
	}
	return r;
}

static void on_closed(void *context)
{
	struct kept_file *file = context;
	struct life *life = file->life;

	file->file = NULL;
	life_drop(life);
}

void kept_file_close(struct kept_file *file)
{
	if (file->file)
		atomic_file_close(file->file, on_closed, file);
}

void kept_file_fini(struct kept_file *file)
{
	mem_free(file->path);
	file->path = NULL;
}
