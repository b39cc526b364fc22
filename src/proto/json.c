/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/json.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdatomic.h>
#include "base/list.h"
#include "base/mem.h"
#include "base/number.h"

/*
 * jansson 2.14 does not survive a failed allocation in the middle of a string:
 * it loses a byte, and if that is the closing quote it reads, and writes, on
 * and on. So a failure never returns to it: what a parse has allocated hangs
 * in a list, is freed, and the parse is left by a jump.
 */
struct block {
	struct list node;
	max_align_t bytes[];
};

/* Each thread has its own: large documents are parsed in libuv's pool. */
static _Thread_local struct {
	bool running;
	struct list blocks;
	jmp_buf out_of_memory;
} parse;

static atomic_bool is_ours; /* what jansson allocates with */

static void *json_alloc(size_t size)
{
	struct block *block = size > SIZE_MAX - sizeof(*block)
	                              ? NULL
	                              : mem_alloc(sizeof(*block) + size);

	if (!block && parse.running)
		longjmp(parse.out_of_memory, 1);
	if (!block)
		return NULL;
	if (parse.running)
		list_append(&parse.blocks, &block->node);
	else
		list_init(&block->node);
	return block->bytes;
}

static void json_release(void *bytes)
{
	struct block *block;

	if (!bytes)
		return;
	block = container_of(bytes, struct block, bytes);
	list_unlink(&block->node);
	mem_free(block);
}

static json_t *load(struct slice text, size_t flags, json_error_t *error,
                    bool *no_memoryp)
{
	struct list *node;
	json_t *root;

	flags |= JSON_DECODE_ANY | JSON_ALLOW_NUL;
	list_init(&parse.blocks);
	if (setjmp(parse.out_of_memory)) {
		parse.running = false;
		while ((node = list_pop(&parse.blocks)))
			mem_free(container_of(node, struct block, node));
		*no_memoryp = true;
		return NULL;
	}
	parse.running = true;
	root = json_loadb(text.n ? text.p : "", text.n, flags, error);
	parse.running = false;
	/* they are the document's now, and each knows its neighbours */
	list_unlink(&parse.blocks);
	return root;
}

int json_parse(struct slice text, struct json_t **rootp, struct err *err)
{
	json_error_t error = { 0 };
	bool no_memory = false;
	json_t *root;

	/* jansson keeps them for good, and locks nothing */
	if (!atomic_load(&is_ours))
		json_set_alloc_funcs(json_alloc, json_release);
	atomic_store(&is_ours, true);

	root = load(text, 0, &error, &no_memory);
	if (!root && json_error_code(&error) == json_error_numeric_overflow)
		root = load(text, JSON_DECODE_INT_AS_REAL, &error, &no_memory);
	if (no_memory)
		return err_set(err, -ENOMEM, "out of memory");
	if (!root)
		return err_set(err, -EINVAL, "not JSON: line %d: %s",
		               error.line, error.text);
	*rootp = root;
	return 0;
}

void json_free(struct json_t *root)
{
	json_decref(root);
}

const struct json_t *json_get(const struct json_t *object, const char *name)
{
	return json_object_get(object, name);
}

/* jansson's iteration only reads, but it has no const form */
bool json_next_member(const struct json_t *object, struct json_member *member)
{
	json_t *mutable = (json_t *)object;

	member->at = member->at ? json_object_iter_next(mutable, member->at)
	                        : json_object_iter(mutable);
	if (!member->at)
		return false;
	member->name = json_object_iter_key(member->at);
	member->value = json_object_iter_value(member->at);
	return true;
}

size_t json_n_members(const struct json_t *object)
{
	return json_object_size(object);
}

size_t json_count(const struct json_t *array)
{
	return json_array_size(array);
}

const struct json_t *json_item(const struct json_t *array, size_t at)
{
	return json_array_get(array, at);
}

bool json_is_map(const struct json_t *value)
{
	return json_is_object(value);
}

bool json_is_list(const struct json_t *value)
{
	return json_is_array(value);
}

bool json_is_missing(const struct json_t *value)
{
	return !value || json_is_null(value);
}

struct slice json_as_text(const struct json_t *value)
{
	if (!json_is_string(value))
		return slice_make(NULL, 0);
	return slice_make(json_string_value(value), json_string_length(value));
}

const char *json_as_string(const struct json_t *value)
{
	struct slice text = json_as_text(value);

	return text.p && !memchr(text.p, '\0', text.n) ? text.p : "";
}

double json_as_double(const struct json_t *value, double fallback)
{
	return json_is_number(value) ? json_number_value(value) : fallback;
}

int64_t json_as_int(const struct json_t *value, int64_t fallback)
{
	double real;

	if (json_is_integer(value))
		return json_integer_value(value);
	if (!json_is_real(value))
		return fallback;
	real = json_real_value(value);
	return number_is_whole(real) ? (int64_t)real : fallback;
}

uint64_t json_as_ms(const struct json_t *value, uint64_t fallback)
{
	double ms =
		json_is_number(value) ? json_number_value(value) * 1000 : -1;

	return ms >= 0 && ms <= 0x1p53 ? (uint64_t)ms : fallback;
}

bool json_as_bool(const struct json_t *value, bool fallback)
{
	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static int print_piece(const char *text, size_t n, void *context)
{
	return buf_append(context, text, n);
}

int json_print(const struct json_t *value, struct buf *out)
{
	if (json_dump_callback(value, print_piece, out,
	                       JSON_COMPACT | JSON_ENCODE_ANY) == 0)
		return 0;
	return out->failed ? out->failed : -ENOMEM;
}

bool json_copy_text(const struct json_t *value, char *out, size_t size)
{
	struct slice text = json_as_text(value);

	out[0] = '\0';
	if (!text.p || text.n >= size || memchr(text.p, '\0', text.n))
		return false;
	memcpy(out, text.p, text.n + 1);
	return true;
}
