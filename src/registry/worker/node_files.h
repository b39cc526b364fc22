/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_files: a directory with a file ID.yml for each node, as prommgr's
 * update_prom_config makes them, for file_sd_configs:
 *
 *     - targets: [ '192.0.2.1:9100' ]
 *
 * Whole at any time; each is written only if it is to become another one, and
 * removed when its node is gone. The directory is ours: a file whose name is a
 * number and .yml belongs to no other.
 */
#pragma once

#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "io/atomic_file.h"
#include "registry/worker/life.h"

#define NODE_FILES_MAX 1000000
#define NODE_TEXT_MAX  96 /* bytes of a file, with NUL */

struct node_file {
	uint64_t id;
	char text[NODE_TEXT_MAX]; /* "": not known what is in it */
};

struct node_table {
	struct node_file *files; /* by growing id */
	size_t n;
	size_t cap;
};

struct node_files {
	/* set by the caller; zero the rest */
	uv_loop_t *loop;
	struct life *life;
	const struct log *log;
	const char *directory; /* borrowed */
	int mode;
	void (*done)(void *context, const struct err *err);
	void *context;

	/* private below */
	struct node_table there;
	struct node_table wanted;
	size_t at;   /* of `wanted`: those before are as they should be */
	size_t gone; /* the same of `there` */
	struct atomic_file *file;
	struct atomic_write write;
	struct buf path;
	uv_fs_t request;
	struct err err; /* the first that went wrong */
	uint64_t n_changes;
	bool busy;
};

/* Looks at what is there; blocks. */
int node_files_open(struct node_files *nodes, struct err *err) MUST_CHECK;
/* Somebody may have changed it; blocks. Nothing happens if it is not open. */
void node_files_look(struct node_files *nodes);
/* @text: the document "nodes". Done comes once, from the loop or from inside;
 * one at a time. */
void node_files_put(struct node_files *nodes, struct slice text);
void node_files_fini(struct node_files *nodes); /* when its life has ended */
