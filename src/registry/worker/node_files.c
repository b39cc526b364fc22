/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/node_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/number.h"
#include "proto/json.h"

#define SUFFIX   ".yml"
#define MAX_PORT 65535

static void step(struct node_files *nodes);

/* --- tables -------------------------------------------------------------------- */

static struct node_file *table_add(struct node_table *table, uint64_t id)
{
	if (table->n == table->cap) {
		size_t cap = table->cap ? table->cap * 2 : 64;
		struct node_file *files =
			mem_realloc(table->files, cap * sizeof(*files));

		if (!files)
			return NULL;
		table->files = files;
		table->cap = cap;
	}
	table->files[table->n] = (struct node_file){ .id = id };
	return &table->files[table->n++];
}

static void table_fini(struct node_table *table)
{
	mem_free(table->files);
	*table = (struct node_table){ 0 };
}

static int by_id(const void *a, const void *b)
{
	const struct node_file *left = a;
	const struct node_file *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static void table_sort(struct node_table *table)
{
	if (table->n > 1)
		qsort(table->files, table->n, sizeof(*table->files), by_id);
}

static const struct node_file *table_find(const struct node_table *table,
                                          uint64_t id)
{
	struct node_file key = { .id = id };

	if (table->n == 0)
		return NULL;
	return bsearch(&key, table->files, table->n, sizeof(key), by_id);
}

/* --- what is there ---------------------------------------------------------------- */

/* 12 of "12.yml"; not of "012.yml". */
static bool file_id(const char *name, uint64_t *idp)
{
	const char *end = name + strspn(name, "0123456789");
	struct slice digits = slice_make(name, (size_t)(end - name));

	return name[0] != '0' && strcmp(end, SUFFIX) == 0 &&
	       number_parse_u64(digits, idp) == 0;
}

static void write_path(struct node_files *nodes, uint64_t id)
{
	buf_reset(&nodes->path);
	(void)buf_printf(&nodes->path, "%s/%" PRIu64 SUFFIX, nodes->directory,
	                 id);
}

static int look_at(struct node_files *nodes, uint64_t id)
{
	struct node_file *file = table_add(&nodes->there, id);
	struct buf content;

	if (!file)
		return -ENOMEM;
	write_path(nodes, id);
	if (atomic_file_read(buf_text(&nodes->path), NODE_TEXT_MAX - 1,
	                     &content, NULL) == 0)
		memcpy(file->text, buf_text(&content), content.n + 1);
	buf_fini(&content);
	return 0;
}

int node_files_open(struct node_files *nodes, struct err *err)
{
	DIR *dir = opendir(nodes->directory);
	struct dirent *entry;
	int r = 0;

	buf_init(&nodes->path, PATH_MAX);
	if (!dir)
		return err_set_code(err, -errno, "cannot open \"%s\"",
		                    nodes->directory);
	while (r == 0 && (entry = readdir(dir))) {
		uint64_t id;

		if (file_id(entry->d_name, &id))
			r = look_at(nodes, id);
		if (r == 0 && nodes->there.n > NODE_FILES_MAX)
			r = err_set(err, -E2BIG, "\"%s\" has too many files",
			            nodes->directory);
	}
	(void)closedir(dir);
	table_sort(&nodes->there);
	return r;
}

void node_files_look(struct node_files *nodes)
{
	if (!nodes->directory || nodes->busy)
		return;
	table_fini(&nodes->there);
	buf_fini(&nodes->path);
	if (node_files_open(nodes, NULL) < 0)
		table_fini(&nodes->there); /* all are written */
}

/* --- what is wanted ------------------------------------------------------------------ */

static int read_node(struct node_table *table, const struct json_t *item,
                     struct err *err)
{
	int64_t id = json_as_int(json_get(item, "id"), 0);
	int64_t port = json_as_int(json_get(item, "port"), 0);
	const char *ip = json_as_string(json_get(item, "ip"));
	bool ipv6 = strchr(ip, ':') != NULL;
	size_t n = strspn(ip, "0123456789abcdefABCDEF:.");
	struct node_file *file;

	if (id <= 0 || port <= 0 || port > MAX_PORT || n == 0 || ip[n] ||
	    n > NODE_TEXT_MAX / 2)
		return err_set(err, -EINVAL,
		               "the registry tells of a node without id, "
		               "address or port");
	if (table->n == NODE_FILES_MAX)
		return err_set(err, -E2BIG, "too many nodes");
	file = table_add(table, (uint64_t)id);
	if (!file)
		return -ENOMEM;
	(void)snprintf(file->text, sizeof(file->text),
	               "- targets: [ '%s%s%s:%" PRId64 "' ]\n", ipv6 ? "[" : "",
	               ip, ipv6 ? "]" : "", port);
	return 0;
}

static int read_wanted(struct node_files *nodes, struct slice text)
{
	struct json_t *root;
	int r = json_parse(text, &root, &nodes->err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < json_count(root); i++)
		r = read_node(&nodes->wanted, json_item(root, i), &nodes->err);
	json_free(root);
	table_sort(&nodes->wanted);
	return r;
}

/* --- making it so, one file after the other --------------------------------------------- */

static void note_trouble(struct node_files *nodes, const struct err *err)
{
	if (!nodes->err.code)
		nodes->err = *err;
}

/* What is on disk is looked at anew when something went wrong. */
static void finish(struct node_files *nodes)
{
	struct err err = nodes->err;

	nodes->busy = false;
	if (err.code) {
		table_fini(&nodes->wanted);
		node_files_look(nodes);
	} else {
		table_fini(&nodes->there);
		nodes->there = nodes->wanted;
		nodes->wanted = (struct node_table){ 0 };
	}
	if (nodes->n_changes > 0)
		log_info(nodes->log, "written",
		         LOG_STR("directory", nodes->directory),
		         LOG_INT("files", nodes->n_changes));
	nodes->done(nodes->context, &err);
}

static void go_on(struct node_files *nodes)
{
	struct life *life = nodes->life;

	nodes->file = NULL;
	if (!life->closing)
		step(nodes);
	life_drop(life);
}

static void on_closed(void *context)
{
	go_on(context);
}

static void on_written(struct atomic_write *write)
{
	struct node_files *nodes =
		container_of(write, struct node_files, write);

	if (write->err.code)
		note_trouble(nodes, &write->err);
	else
		nodes->n_changes++;
	atomic_file_close(nodes->file, on_closed, nodes);
}

/* 0: on_closed() will come, also if the write could not begin. */
static int write_file(struct node_files *nodes, const struct node_file *file)
{
	struct buf content;
	int r = -ENOMEM;

	buf_init(&content, NODE_TEXT_MAX);
	(void)buf_puts(&content, file->text);
	write_path(nodes, file->id);
	if (!nodes->path.failed)
		nodes->file = atomic_file_new(
			nodes->loop, buf_text(&nodes->path), nodes->mode);
	if (nodes->file) {
		life_hold(nodes->life);
		r = atomic_file_write(nodes->file, &content, &nodes->write,
		                      on_written);
	}
	buf_fini(&content);
	if (r == 0)
		return 0;
	(void)err_set_code(&nodes->err, r, "cannot write \"%s\"",
	                   buf_text(&nodes->path));
	if (nodes->file) {
		atomic_file_close(nodes->file, on_closed, nodes);
		return 0;
	}
	return r;
}

static void on_removed(uv_fs_t *request)
{
	struct node_files *nodes =
		container_of(request, struct node_files, request);
	int r = (int)request->result;

	uv_fs_req_cleanup(request);
	if (r < 0 && r != UV_ENOENT) {
		struct err err;

		(void)err_set_code(&err, r, "cannot remove \"%s\"",
		                   buf_text(&nodes->path));
		note_trouble(nodes, &err);
	} else {
		nodes->n_changes++;
	}
	go_on(nodes);
}

static int remove_file(struct node_files *nodes, const struct node_file *file)
{
	int r;

	write_path(nodes, file->id);
	r = uv_fs_unlink(nodes->loop, &nodes->request, buf_text(&nodes->path),
	                 on_removed);
	if (r == 0)
		life_hold(nodes->life);
	else
		(void)err_set_code(&nodes->err, r, "cannot remove \"%s\"",
		                   buf_text(&nodes->path));
	return r;
}

/* True: something was begun, and step() comes again. */
static bool write_next(struct node_files *nodes)
{
	while (nodes->at < nodes->wanted.n && !nodes->err.code) {
		const struct node_file *file =
			&nodes->wanted.files[nodes->at++];
		const struct node_file *now =
			table_find(&nodes->there, file->id);

		if (!now || strcmp(now->text, file->text) != 0)
			return write_file(nodes, file) == 0;
	}
	return false;
}

static bool remove_next(struct node_files *nodes)
{
	while (nodes->gone < nodes->there.n && !nodes->err.code) {
		const struct node_file *file =
			&nodes->there.files[nodes->gone++];

		if (!table_find(&nodes->wanted, file->id))
			return remove_file(nodes, file) == 0;
	}
	return false;
}

static void step(struct node_files *nodes)
{
	if (!write_next(nodes) && !remove_next(nodes))
		finish(nodes);
}

void node_files_put(struct node_files *nodes, struct slice text)
{
	err_clear(&nodes->err);
	nodes->busy = true;
	nodes->at = 0;
	nodes->gone = 0;
	nodes->n_changes = 0;
	table_fini(&nodes->wanted);
	if (read_wanted(nodes, text) == -ENOMEM)
		(void)err_set_code(&nodes->err, -ENOMEM, "nodes");
	step(nodes);
}

void node_files_fini(struct node_files *nodes)
{
	table_fini(&nodes->there);
	table_fini(&nodes->wanted);
	buf_fini(&nodes->path);
}
