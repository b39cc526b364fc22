/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"

#include <errno.h>
#include "push_kit.h"
#include "base/mem.h"

#define MAX_TEXT ((size_t)1 << 28)

int kit_push(struct push_store *store, const char *path, const char *text,
             bool replace, int64_t at_ms, struct err *err)
{
	struct push_time now = { at_ms, at_ms - 1000000 };
	struct push_body body;
	struct push_key key;
	int r;

	push_key_init(&key);
	push_body_init(&body, 1);
	r = push_path_parse(slice_from(path), &key, err);
	if (r == 0)
		r = push_body_parse(&body, slice_from(text), err);
	if (r > 0)
		r = -EBADMSG;
	if (r == 0)
		r = push_store_push(store, &key, &body, replace, now, err);
	push_body_fini(&body);
	push_key_fini(&key);
	return r;
}

static void must(int r, const struct err *err)
{
	if (r != 0)
		fail_msg("%d: %s", r, err->message);
}

void kit_put(struct push_store *store, const char *path, const char *text)
{
	struct err err = { 0 };

	must(kit_push(store, path, text, true, 5000, &err), &err);
}

void kit_post(struct push_store *store, const char *path, const char *text)
{
	struct err err = { 0 };

	must(kit_push(store, path, text, false, 6000, &err), &err);
}

bool kit_delete(struct push_store *store, const char *path)
{
	struct push_key key;
	bool deleted;

	push_key_init(&key);
	must(push_path_parse(slice_from(path), &key, NULL), &(struct err){ 0 });
	deleted = push_store_delete(store, &key);
	push_key_fini(&key);
	return deleted;
}

int kit_beat(struct push_store *store, const char *path, int64_t at_ms)
{
	struct push_time now = { at_ms, at_ms - 1000000 };
	struct push_key key;
	struct ping ping;
	struct err err;
	int r;

	push_key_init(&key);
	r = ping_path_parse(slice_from(path), &key, &ping, &err);
	if (r == 0)
		r = push_store_beat(store, &key, &ping, now, &err);
	push_key_fini(&key);
	return r;
}

struct push_group *kit_group(struct push_store *store, const char *path)
{
	struct push_group *group;
	struct push_key key;

	push_key_init(&key);
	must(push_path_parse(slice_from(path), &key, NULL), &(struct err){ 0 });
	group = push_store_group(store, &key);
	push_key_fini(&key);
	return group;
}

static void write_family(struct push_view *view,
                         const struct push_view_family *family, struct buf *out,
                         size_t budget)
{
	struct buf slice;
	bool done;

	if (family->help.n > 0)
		(void)buf_printf(out, "# HELP " SLICE_FMT " " SLICE_FMT "\n",
		                 SLICE_ARG(family->name),
		                 SLICE_ARG(family->help));
	(void)buf_printf(out, "# TYPE " SLICE_FMT " %s\n",
	                 SLICE_ARG(family->name),
	                 metric_type_name(family->type));
	buf_init(&slice, MAX_TEXT);
	do {
		buf_reset(&slice);
		done = push_view_write(view, &slice, budget);
		assert_false(slice.failed);
		(void)buf_append(out, slice.p, slice.n);
	} while (!done);
	buf_fini(&slice);
}

char *kit_rest(struct push_view *view, size_t budget, bool all)
{
	struct push_view_family family;
	struct buf out;

	buf_init(&out, MAX_TEXT);
	while (push_view_next(view, &family)) {
		if (all || !slice_starts(family.name, "push_"))
			write_family(view, &family, &out, budget);
	}
	assert_false(push_view_next(view, &family));
	return buf_take(&out);
}

char *kit_text(struct push_store *store, bool all)
{
	struct push_view *view = push_view_new(store);
	char *text;

	assert_non_null(view);
	text = kit_rest(view, 65536, all);
	push_view_free(view);
	return text;
}

char *kit_json(struct push_store *store, size_t budget)
{
	struct push_view *view = push_view_new(store);
	struct buf slice;
	struct buf out;
	bool done;

	assert_non_null(view);
	buf_init(&slice, MAX_TEXT);
	buf_init(&out, MAX_TEXT);
	do {
		buf_reset(&slice);
		done = push_view_write_json(view, &slice, budget);
		assert_false(slice.failed);
		(void)buf_append(&out, slice.p, slice.n);
	} while (!done);
	buf_fini(&slice);
	push_view_free(view);
	return buf_take(&out);
}

void kit_expect(struct push_store *store, const char *expected)
{
	char *text = kit_text(store, false);

	assert_string_equal(text, expected);
	mem_free(text);
}
