/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lxd_list.h"

#include <errno.h>
#include <string.h>
#include "proto/json.h"
#include "proto/lxd.h"

static int on_value(void *context, struct slice text)
{
	struct lxd_list *list = context;
	struct json_t *instance;
	int r = json_parse(text, &instance, NULL);

	if (r < 0)
		return r;
	r = list->instance(list->context, instance);
	json_free(instance);
	return r;
}

void lxd_list_init(struct lxd_list *list, lxd_instance_cb instance,
                   void *context)
{
	*list = (struct lxd_list){ .instance = instance, .context = context };
	json_split_init(&list->split, JSON_SPLIT_ARRAY, LXD_LIST_INSTANCE,
	                on_value, list);
	buf_init(&list->rest, LXD_LIST_REST);
}

void lxd_list_fini(struct lxd_list *list)
{
	json_split_fini(&list->split);
	buf_fini(&list->rest);
}

static struct slice without_blanks(struct slice text)
{
	while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
		text.n--;
	return text;
}

/* Does a value of `metadata` come next? */
static bool at_metadata(const struct lxd_list *list)
{
	static const char key[] = "\"metadata\"";
	struct slice rest = without_blanks(buf_slice(&list->rest));
	size_t n = sizeof(key) - 1;

	if (list->depth != 1 || !rest.n || rest.p[rest.n - 1] != ':')
		return false;
	rest.n--;
	rest = without_blanks(rest);
	return rest.n >= n && memcmp(rest.p + rest.n - n, key, n) == 0;
}

/* Only where strings and brackets are; whether it is JSON others will see. */
static void step(struct lxd_list *list, char c)
{
	if (list->in_string) {
		if (list->escaped)
			list->escaped = false;
		else if (c == '\\')
			list->escaped = true;
		else if (c == '"')
			list->in_string = false;
	} else if (c == '"') {
		list->in_string = true;
	} else if (c == '{' || c == '[') {
		list->depth++;
	} else if ((c == '}' || c == ']') && list->depth) {
		list->depth--;
	}
}

/* Up to the array, or the end. */
static int take_rest(struct lxd_list *list, struct slice *bytes)
{
	size_t i;

	for (i = 0; i < bytes->n && !list->inside; i++) {
		char c = bytes->p[i];

		if (c == '[' && !list->in_string && !list->seen &&
		    at_metadata(list)) {
			list->inside = list->seen = true;
			break;
		}
		step(list, c);
		(void)buf_putc(&list->rest, c);
	}
	*bytes = slice_skip(*bytes, i);
	return list->rest.failed;
}

/* Up to its last bracket. */
static int take_array(struct lxd_list *list, struct slice *bytes)
{
	struct slice piece = *bytes;
	size_t i = 0;

	while (i < piece.n && list->inside) {
		step(list, piece.p[i++]);
		list->inside = list->depth > 1;
	}
	*bytes = slice_skip(piece, i);
	if (!list->inside)
		(void)buf_puts(&list->rest, "[]");
	piece.n = i;
	return json_split_feed(&list->split, piece);
}

int lxd_list_feed(struct lxd_list *list, struct slice bytes)
{
	int r = 0;

	while (r == 0 && bytes.n) {
		if (list->inside)
			r = take_array(list, &bytes);
		else
			r = take_rest(list, &bytes);
	}
	return r;
}

static int malformed(struct err *err, const char *words)
{
	(void)err_set(err, -EPROTO, "unexpected reply: %s", words);
	return LXD_E_MALFORMED;
}

int lxd_list_finish(struct lxd_list *list, uint16_t status, struct err *err)
{
	int r;

	if (list->inside)
		return malformed(err, "the list broke off");
	r = lxd_read_empty(buf_slice(&list->rest), status, err);
	if (r != 0)
		return r;
	if (!list->seen)
		return malformed(err, "a list of instances without any list");
	if (json_split_finish(&list->split) < 0)
		return malformed(err, "the list is not whole");
	if (list->split.n_dropped)
		return malformed(err, "more than a MiB of one instance");
	return 0;
}
