/* SPDX-License-Identifier: Apache-2.0 */
/* What LXD and Incus say of instances, in lists cut anywhere; and their
 * events, as the daemons send them. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/macros.h"
#include "proto/json.h"
#include "proto/lxd_describe.h"
#include "proto/lxd_list.h"

/* --- instances ---------------------------------------------------------- */

static const char stopped[] =
	"{\"name\":\"c1\",\"project\":\"p1\",\"status\":\"Stopped\","
	"\"status_code\":102,\"ephemeral\":true,\"type\":\"container\","
	"\"created_at\":\"2026-11-21T06:25:35.965106559Z\","
	"\"last_used_at\":\"2026-11-21T06:25:36.110395378Z\","
	"\"config\":{\"user.a\":\"0\"},\"expanded_config\":{\"user.a\":\"1\","
	"\"boot.autorestart\":\"true\",\"image.description\":\"busybox\","
	"\"volatile.base_image\":\"40ed\"}}";

static void test_describe(void **state)
{
	struct lxd_description seen;
	struct json_t *root;
	char key[LXD_KEY_MAX];

	assert_int_equal(json_parse(slice_from(stopped), &root, NULL), 0);
	assert_int_equal(lxd_describe(root, &seen, NULL), 0);
	assert_string_equal(seen.name, "c1");
	assert_string_equal(seen.project, "p1");
	assert_string_equal(seen.image, "busybox");
	assert_int_equal(seen.status, LXD_STATUS_STOPPED);
	assert_true(seen.created_ms == 1795242335965);
	assert_true(seen.last_used_ms == 1795242336110);
	assert_true(seen.ephemeral && seen.autorestart);
	assert_string_equal(json_as_string(json_get(seen.config, "user.a")),
	                    "1");
	assert_string_equal(lxd_key(seen.project, seen.name, key), "p1/c1");
	json_free(root);
}

static void test_describe_little(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{ "{\"name\":\"a\"}", 0 },
		{ "{\"name\":\"a\",\"last_used_at\":\"0001-01-01T00:00:00Z\"}",
		  0 },
		{ "{\"name\":\"a\",\"last_used_at\":\"1970-01-01T00:00:00Z\","
		  "\"config\":{\"volatile.base_image\":7}}",
		  0 },
		{ "{\"name\":\"a/b\"}", -EINVAL },
		{ "{\"name\":\"\"}", -EINVAL },
		{ "{\"project\":\"p\"}", -EINVAL },
		{ "[]", -EINVAL },
		{ "null", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lxd_description seen;
		struct json_t *root;
		struct err err = { 0 };

		assert_int_equal(
			json_parse(slice_from(rows[i].text), &root, NULL), 0);
		assert_int_equal(lxd_describe(root, &seen, &err),
		                 rows[i].result);
		if (rows[i].result == 0) {
			assert_string_equal(seen.project, "default");
			assert_string_equal(seen.image, "");
			assert_true(seen.last_used_ms == 0);
			assert_false(seen.autorestart);
		}
		json_free(root);
	}
}

static void test_keys(void **state)
{
	char key[LXD_KEY_MAX], name[LXD_KEY_MAX];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_string_equal(lxd_key("p", name, key), "");
	assert_true(lxd_is_label("user.healthcheck.test"));
	assert_false(lxd_is_label("boot.autorestart"));
	assert_false(lxd_is_label("user"));
}

/* --- lists -------------------------------------------------------------- */

struct heard {
	char names[256];
	int stop_at; /* 0: never */
	int n;
};

static int on_instance(void *context, const struct json_t *instance)
{
	struct heard *heard = context;
	size_t n = strlen(heard->names);

	(void)snprintf(heard->names + n, sizeof(heard->names) - n, "%s ",
	               json_as_string(json_get(instance, "name")));
	return ++heard->n == heard->stop_at ? -ECANCELED : 0;
}

/* In pieces of @n bytes; 0: all at once. */
static int read_list(const char *text, size_t n, struct heard *heard,
                     struct err *err)
{
	struct slice rest = slice_from(text);
	struct lxd_list list;
	int r = 0;

	*heard = (struct heard){ .stop_at = heard->stop_at };
	err_clear(err);
	lxd_list_init(&list, on_instance, heard);
	while (r == 0 && rest.n) {
		struct slice piece = rest;

		piece.n = n ? MIN(n, rest.n) : rest.n;
		r = lxd_list_feed(&list, piece);
		rest = slice_skip(rest, piece.n);
	}
	if (r == 0)
		r = lxd_list_finish(&list, 200, err);
	lxd_list_fini(&list);
	return r;
}

#define HEAD                                                             \
	"{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200," \
	"\"error\":\"a \\\"metadata\\\":[\",\"x\":{\"metadata\":[1]},"

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *names;
	} rows[] = {
		{ HEAD "\"metadata\":[{\"name\":\"a\",\"x\":[[{}],\"]\"]},"
		       "{\"name\":\"b\\\"]\"}]}",
		  0, "a b\"] " },
		{ "{\"metadata\" : [ {\"name\":\"a\"} ] ,\"type\":\"sync\"}\n",
		  0, "a " },
		{ HEAD "\"metadata\":[]}", 0, "" },
		{ "{\"type\":\"error\",\"error_code\":403,\"error\":\"no\","
		  "\"metadata\":null}",
		  LXD_E_FORBIDDEN, "" },
		{ HEAD "\"metadata\":null}", LXD_E_MALFORMED, "" },
		{ HEAD "\"metadata\":{}}", LXD_E_MALFORMED, "" },
		{ HEAD "\"metadata\":[{\"name\":\"a\"}", LXD_E_MALFORMED,
		  "a " },
		{ HEAD "\"metadata\":[{\"name\":\"a\"}]", LXD_E_MALFORMED,
		  "a " },
		{ HEAD "\"metadata\":[{\"name\":}]}", -EINVAL, "" },
		{ "<html>", LXD_E_MALFORMED, "" },
		{ "", LXD_E_MALFORMED, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t n = 0; n <= strlen(rows[i].text); n++) {
			struct heard heard = { 0 };
			struct err err;
			int r = read_list(rows[i].text, n, &heard, &err);

			if (r != rows[i].result ||
			    strcmp(heard.names, rows[i].names) != 0)
				fail_msg("%zu in %zu: %d %s %s", i, n, r,
				         heard.names, err.message);
		}
	}
}

static void test_list_ended_by_its_reader(void **state)
{
	struct heard heard = { .stop_at = 1 };
	struct err err;

	assert_int_equal(read_list("{\"metadata\":[{\"name\":\"a\"},"
	                           "{\"name\":\"b\"}],\"type\":\"sync\"}",
	                           0, &heard, &err),
	                 -ECANCELED);
	assert_string_equal(heard.names, "a ");
}

/* --- events ------------------------------------------------------------- */

#define EVENT(action, more, source)                                            \
	"{\"location\":\"none\",\"metadata\":{\"action\":\"" action "\"," more \
	"\"source\":\"" source "\"},\"project\":\"p1\",\"timestamp\":"         \
	"\"2026-11-21T06:25:38.116857459Z\",\"type\":\"lifecycle\"}"
#define BY_ROOT                                                   \
	"\"requestor\":{\"address\":\"@\",\"protocol\":\"unix\"," \
	"\"username\":\"root\"},"

static void test_events(void **state)
{
	static const struct {
		const char *text;
		enum lxd_event_kind kind;
		bool asked;
		const char *name;
		const char *project;
		const char *old_name;
	} rows[] = {
		{ EVENT("instance-started", BY_ROOT, "/1.0/instances/c1"),
		  LXD_EVENT_STARTED, true, "c1", "p1", "" },
		{ EVENT("instance-shutdown", "", "/1.0/instances/c1"),
		  LXD_EVENT_ENDED, false, "c1", "p1", "" },
		{ EVENT("instance-stopped", BY_ROOT,
		        "/1.0/instances/c%2D1?project=p2"),
		  LXD_EVENT_ENDED, true, "c-1", "p2", "" },
		{ EVENT("instance-restarted", "", "/1.0/instances/c1"),
		  LXD_EVENT_STARTED, false, "c1", "p1", "" },
		{ EVENT("instance-paused", "", "/1.0/instances/c1"),
		  LXD_EVENT_PAUSED, false, "c1", "p1", "" },
		{ EVENT("instance-resumed", "", "/1.0/instances/c1"),
		  LXD_EVENT_RESUMED, false, "c1", "p1", "" },
		{ EVENT("instance-created", "", "/1.0/instances/c1"),
		  LXD_EVENT_CREATED, false, "c1", "p1", "" },
		{ EVENT("instance-deleted", "", "/1.0/instances/c1"),
		  LXD_EVENT_DELETED, false, "c1", "p1", "" },
		{ EVENT("instance-updated", "\"requestor\":null,",
		        "/1.0/instances/c1"),
		  LXD_EVENT_CHANGED, false, "c1", "p1", "" },
		{ EVENT("instance-renamed",
		        "\"context\":{\"old_name\":\"c1\"},",
		        "/1.0/instances/c9"),
		  LXD_EVENT_RENAMED, false, "c9", "p1", "c1" },
		{ EVENT("container-started", "", "/1.0/containers/c1"),
		  LXD_EVENT_STARTED, false, "c1", "p1", "" },
		{ EVENT("virtual-machine-stopped", "",
		        "/1.0/virtual-machines/v"),
		  LXD_EVENT_ENDED, false, "v", "p1", "" },
		{ EVENT("instance-exec", BY_ROOT, "/1.0/instances/c1"),
		  LXD_EVENT_OTHER, true, "c1", "p1", "" },
		{ EVENT("instance-snapshot-created", "",
		        "/1.0/instances/c1/snapshots/s"),
		  LXD_EVENT_OTHER, false, "s", "p1", "" },
		{ EVENT("network-started", "", "/1.0/networks/n"),
		  LXD_EVENT_OTHER, false, "n", "p1", "" },
		{ EVENT("instance-started", "", "/1.0/instances/"),
		  LXD_EVENT_OTHER, false, "", "p1", "" },
		{ EVENT("instance-started", "", "/1.0/instances/a%2Fb"),
		  LXD_EVENT_OTHER, false, "a/b", "p1", "" },
		{ EVENT("instance-started", "", "/1.0/instances/a%00b"),
		  LXD_EVENT_OTHER, false, "", "p1", "" },
		{ "{\"type\":\"logging\",\"metadata\":{\"action\":"
		  "\"instance-started\",\"source\":\"/1.0/instances/a\"}}",
		  LXD_EVENT_OTHER, false, "", "", "" },
		{ "{\"type\":\"lifecycle\",\"metadata\":{\"action\":"
		  "\"instance-started\",\"source\":\"/1.0/instances/a\"}}",
		  LXD_EVENT_STARTED, false, "a", "default", "" },
		{ "[]", LXD_EVENT_OTHER, false, "", "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lxd_event event;

		assert_int_equal(
			lxd_read_event(slice_from(rows[i].text), &event, NULL),
			0);
		if (event.kind != rows[i].kind ||
		    event.asked != rows[i].asked ||
		    strcmp(event.name, rows[i].name) != 0 ||
		    strcmp(event.project, rows[i].project) != 0 ||
		    strcmp(event.old_name, rows[i].old_name) != 0)
			fail_msg("%zu: %d %d %s %s %s", i, event.kind,
			         event.asked, event.name, event.project,
			         event.old_name);
		assert_true(event.time_ns == 0 ||
		            event.time_ns == 1795242338116000000);
	}
}

static void test_no_event(void **state)
{
	struct lxd_event event;
	struct err err;

	assert_int_equal(lxd_read_event(slice_from("{"), &event, &err),
	                 -EINVAL);
	assert_string_not_equal(err.message, "");
}

/* --- requests ----------------------------------------------------------- */

static void test_targets(void **state)
{
	struct buf buf;

	buf_init(&buf, LXD_TARGET_MAX);
	lxd_target_list(&buf, NULL);
	assert_string_equal(buf_text(&buf), "/1.0/instances?recursion=1"
	                                    "&all-projects=true");
	buf_reset(&buf);
	lxd_target_list(&buf, "a&b");
	assert_string_equal(buf_text(&buf), "/1.0/instances?recursion=1"
	                                    "&project=a%26b");
	buf_reset(&buf);
	lxd_target_events(&buf, NULL);
	assert_string_equal(buf_text(&buf), "/1.0/events?type=lifecycle"
	                                    "&all-projects=true");
	buf_fini(&buf);
}

#define SERVER(extensions)                                                 \
	"{\"type\":\"sync\",\"metadata\":{\"api_extensions\":[" extensions \
	"],\"x\":{\"b\":[\"d\"]}}}"

static void test_extensions(void **state)
{
	static const struct {
		const char *reply;
		int result;
		bool has;
	} rows[] = {
		{ SERVER("\"a\",7,\"b\""), 0, true },
		{ SERVER("\"a\",\"bb\""), 0, false },
		{ SERVER(""), 0, false },
		{ "{\"type\":\"error\",\"error_code\":403,\"error\":\"no\"}",
		  LXD_E_FORBIDDEN, false },
		{ "{}", LXD_E_MALFORMED, false },
		{ "<html>", LXD_E_MALFORMED, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool has = true;

		assert_int_equal(lxd_read_extension(slice_from(rows[i].reply),
		                                    200, "b", &has, NULL),
		                 rows[i].result);
		assert_int_equal(has, rows[i].has);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_describe_little),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_list_ended_by_its_reader),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_no_event),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
