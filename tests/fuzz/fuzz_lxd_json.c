/* SPDX-License-Identifier: Apache-2.0 */
/* lxd: any bytes as a reply; whatever it says, what we would send because of
 * it is a request of ours and nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "proto/json.h"
#include "proto/lxd.h"
#include "proto/lxd_describe.h"
#include "proto/lxd_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

/* One line of visible ASCII, of the kind that we asked for. */
static void check_target(const struct buf *buf, const char *prefix)
{
	check(!buf->failed);
	check(strncmp(buf_text(buf), prefix, strlen(prefix)) == 0);
	check(strlen(buf_text(buf)) == buf->n);
	check(!strstr(buf_text(buf), ".."));
	for (size_t i = 0; i < buf->n; i++)
		check(buf->p[i] > ' ' && buf->p[i] < 0x7f);
}

static void check_operation(const struct lxd_operation *operation)
{
	struct buf buf;

	check(memchr(operation->error, '\0', sizeof(operation->error)));
	buf_init(&buf, LXD_TARGET_MAX);
	lxd_target_wait(&buf, operation->id, 30, "p");
	check_target(&buf, "/1.0/operations/");
	for (size_t i = 0; i < 2; i++) {
		if (!operation->output[i][0])
			continue;
		buf_reset(&buf);
		lxd_target_path(&buf, operation->output[i], NULL);
		check_target(&buf, "/1.0/");
		check(strstr(buf_text(&buf), "/logs/"));
	}
	buf_fini(&buf);
}

static int on_instance(void *context, const struct json_t *instance)
{
	struct lxd_description seen;
	char key[LXD_KEY_MAX];
	size_t *n = context;

	++*n;
	if (lxd_describe(instance, &seen, NULL) == 0)
		check(strlen(lxd_key(seen.project, seen.name, key)) <
		      sizeof(key));
	return 0;
}

/* What a list holds must not depend on how it was cut. */
static size_t count_list(struct slice text, size_t piece, int *resultp)
{
	struct lxd_list list;
	size_t n = 0;
	int r = 0;

	lxd_list_init(&list, on_instance, &n);
	while (r == 0 && text.n) {
		struct slice next = slice_make(text.p, MIN(piece, text.n));

		r = lxd_list_feed(&list, next);
		text = slice_skip(text, next.n);
	}
	if (r == 0)
		r = lxd_list_finish(&list, 200, NULL);
	lxd_list_fini(&list);
	*resultp = r;
	return n;
}

static void check_list(struct slice text)
{
	int whole, cut;

	check(count_list(text, SIZE_MAX, &whole) == count_list(text, 1, &cut));
	check(whole == cut);
}

static void check_event(struct slice text)
{
	struct lxd_event event;

	if (lxd_read_event(text, &event, NULL) < 0 ||
	    event.kind == LXD_EVENT_OTHER)
		return;
	check(lxd_name_is_valid(event.name) && event.project[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice reply = slice_make((const char *)data, size);
	struct lxd_operation operation;
	struct lxd_instance instance;
	struct err err;
	int r;

	check_list(reply);
	check_event(reply);
	r = lxd_read_operation(reply, 200, &operation, &err);
	if (r == 0)
		check_operation(&operation);
	else
		check(r > 0 && err.code < 0);
	if (lxd_read_instance(reply, 200, &instance, &err) == 0)
		check(memchr(instance.last_used, '\0',
		             sizeof(instance.last_used)));
	r = lxd_read_empty(reply, 502, &err);
	check(r >= 0 && r <= LXD_E_REFUSED);
	return 0;
}
