/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a text becomes a configuration:
 *
 *     text ─▶ tree with lines ─▶ checked against the schema ─┐
 *       └───────────▶ libcyaml ─▶ plain structs ─▶ resolve ─▶ config
 *
 * libcyaml would stop at the first thing that it does not like. So where the
 * check found something, it is given what is sound, written out again, and the
 * values in that are judged in the same run.
 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/mem.h"
#include "config/check.h"
#include "config/resolve.h"

#define READ_SIZE        65536
#define CONFIG_MAX_SOUND (8 * (size_t)CONFIG_MAX_FILE) /* bytes, escaped */

/* --- libcyaml ------------------------------------------------------------ */

/* What libcyaml allocates lives as long as its structs are needed, which is
 * short; so it is not freed piece by piece. */
struct cyaml_block {
	size_t cap;
	_Alignas(max_align_t) char bytes[];
};

static void *cyaml_memory(void *context, void *pointer, size_t size)
{
	struct cyaml_block *old = NULL;
	struct cyaml_block *block;

	if (size == 0)
		return NULL;
	if (pointer)
		old = container_of(pointer, struct cyaml_block, bytes);
	if (old && old->cap >= size)
		return pointer;

	/* what grows once grows again: lists come item by item */
	if (old && size < SIZE_MAX / 2)
		size *= 2;
	block = arena_alloc(context, sizeof(*block) + size);
	if (!block)
		return NULL;
	block->cap = size;
	if (old)
		memcpy(block->bytes, old->bytes, old->cap);
	return block->bytes;
}

static int load_raw(struct slice text, struct arena *memory,
                    struct raw_config **rawp, const char **whyp)
{
	const cyaml_config_t options = {
		.mem_fn = cyaml_memory,
		.mem_ctx = memory,
		.log_level = CYAML_LOG_ERROR, /* and no log_fn: silent */
	};
	cyaml_data_t *data = NULL;
	cyaml_err_t err;

	err = cyaml_load_data((const uint8_t *)text.p, text.n, &options,
	                      &schema_config, &data, NULL);
	if (err == CYAML_ERR_OOM)
		return -ENOMEM;
	*whyp = cyaml_strerror(err);
	if (err != CYAML_OK)
		return -EINVAL;
	/* nothing was given at all */
	if (!data)
		data = arena_alloc(memory, sizeof(struct raw_config));
	*rawp = data;
	return data ? 0 : -ENOMEM;
}

/* --- the way through ----------------------------------------------------- */

struct loading {
	struct slice text;
	const struct config_override *overrides;
	size_t n_overrides;
	const struct config *base; /* NULL: it stands for itself */
	struct problems problems;
	struct yaml_tree tree;
	struct buf sound;     /* what is sound, if not all of it is */
	struct arena scratch; /* libcyaml's */
	struct arena memory;  /* of the result */
	struct config *config;
};

static int load_checked(struct loading *loading)
{
	struct problems *problems = &loading->problems;
	struct slice text = loading->text;
	struct raw_config *raw;
	const char *why = NULL;
	int r;

	if (!check_tree(&loading->tree, &schema_config, problems)) {
		check_write(&loading->tree, &schema_config, &loading->sound);
		if (loading->sound.failed == -ENOMEM)
			return -ENOMEM;
		text = buf_slice(&loading->sound);
	}
	if (loading->tree.root->skip)
		return -EINVAL; /* it is no section: that says it all */
	r = load_raw(text, &loading->scratch, &raw, &why);
	if (r == -EINVAL && !problems_any(problems))
		problem_file(problems, 0, "libcyaml refuses it: %s", why);
	if (r < 0)
		return r;
	return resolve(raw, &loading->tree, loading->overrides,
	               loading->n_overrides, loading->base, &loading->memory,
	               problems, loading->config);
}

static int load(struct loading *loading, const char *name)
{
	struct problems *problems = &loading->problems;
	const struct yaml_node *root;
	int r;

	loading->config =
		arena_alloc(&loading->memory, sizeof(*loading->config));
	if (!loading->config)
		return -ENOMEM;
	loading->config->file = arena_copy(&loading->memory, slice_from(name));
	if (!loading->config->file)
		return -ENOMEM;
	if (loading->text.n > CONFIG_MAX_FILE) {
		problem_file(problems, 0, "larger than %u MiB",
		             CONFIG_MAX_FILE >> 20);
		return -EINVAL;
	}

	r = yaml_tree_parse(&loading->tree, loading->text, problems);
	if (r < 0)
		return r;
	root = loading->tree.root;
	if (!root || root->null) {
		problem_file(problems, 1,
		             "is empty; it needs a list of monitors");
		return -EINVAL;
	}
	return load_checked(loading);
}

static int load_text(struct loading *loading, const char *name,
                     struct config **configp, struct buf *problems)
{
	int r;

	problems_init(&loading->problems, name);
	buf_init(&loading->sound, CONFIG_MAX_SOUND);

	r = load(loading, name);
	if (r != -ENOMEM && problems_any(&loading->problems))
		r = loading->problems.failed < 0 ? -ENOMEM : -EINVAL;
	if (r == -EINVAL &&
	    problems_print(&loading->problems, problems) == -ENOMEM)
		r = -ENOMEM;

	if (r == 0) {
		loading->config->memory = loading->memory.chunks;
		*configp = loading->config;
	} else {
		arena_fini(&loading->memory);
	}
	problems_fini(&loading->problems);
	yaml_tree_fini(&loading->tree);
	arena_fini(&loading->scratch);
	buf_fini(&loading->sound);
	return r;
}

int config_load_text(struct slice text, const char *name,
                     const struct config_override *overrides,
                     size_t n_overrides, struct config **configp,
                     struct buf *problems)
{
	struct loading loading = { .text = text,
		                   .overrides = overrides,
		                   .n_overrides = n_overrides };
	int r = load_text(&loading, name, configp, problems);

	mem_trim();
	return r;
}

/* Such texts are small: what they took is not worth a trim. */
int config_load_under(const struct config *base, struct slice text,
                      const char *name, struct config **configp,
                      struct buf *problems)
{
	struct loading loading = { .text = text, .base = base };

	return load_text(&loading, name, configp, problems);
}

/* --- files --------------------------------------------------------------- */

static int read_all(int fd, struct buf *text)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(text, READ_SIZE) < 0)
			return text->failed;
		n = read(fd, text->p + text->n, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		text->n += (size_t)n;
	}
}

int config_read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = read_all(fd, text);
	(void)close(fd);
	return r;
}

int config_load(const char *path, const struct config_override *overrides,
                size_t n_overrides, struct config **configp,
                struct buf *problems)
{
	struct buf text;
	int r;

	/* room to see that there is more, and for the last read */
	buf_init(&text, CONFIG_MAX_FILE + 2 * READ_SIZE);
	r = config_read_file(path, &text);
	if (r == 0 || r == -E2BIG) {
		r = config_load_text(buf_slice(&text), path, overrides,
		                     n_overrides, configp, problems);
	} else if (r != -ENOMEM) {
		(void)buf_printf(problems, "%s: cannot be read: %s\n", path,
		                 err_text(r));
		if (problems->failed == -ENOMEM)
			r = -ENOMEM;
	}
	buf_fini(&text);
	return r;
}

void config_free(struct config *config)
{
	struct arena memory = { 0 };

	if (!config)
		return;
	memory.chunks = config->memory;
	arena_fini(&memory);
}
