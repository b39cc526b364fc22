/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: our own families and pushed ones in one exposition. */
#include "support/cmocka.h"
#include "gateway_kit.h"

#include <string.h>
#include "api/metrics.h"

static struct gateway_kit gateway;

static int set_up(void **state)
{
	gateway_kit_init(&gateway);
	return 0;
}

static int tear_down(void **state)
{
	gateway_kit_fini(&gateway);
	return 0;
}

static void our_families_are_sorted_and_have_one_writer(void **state)
{
	size_t n;
	const struct api_family *families = api_families(&n);

	assert_true(n > 20);
	for (size_t i = 0; i < n; i++) {
		const struct api_family *family = &families[i];

		if (i > 0 && strcmp(families[i - 1].name, family->name) >= 0)
			fail_msg("%s is not where it belongs", family->name);
		assert_int_equal(!!family->monitor + !!family->source +
		                         !!family->daemon + !!family->gateway +
		                         !!family->engine + !!family->rule +
		                         !!family->notices + !!family->alerts +
		                         !!family->amx + family->extension,
		                 1);
		assert_true(strlen(family->help) > 10);
	}
}

/* Every TYPE in rising order of names, and none twice. */
static size_t check_order(const char *text)
{
	static const char mark[] = "\n# TYPE ";
	char last[200] = "";
	size_t n = 0;

	for (const char *at = strstr(text, mark); at; at = strstr(at, mark)) {
		char name[200];

		at += sizeof(mark) - 1;
		assert_true(strcspn(at, " ") < sizeof(name));
		memcpy(name, at, strcspn(at, " "));
		name[strcspn(at, " ")] = '\0';
		if (strcmp(last, name) >= 0)
			fail_msg("%s comes after %s", name, last);
		memcpy(last, name, sizeof(last));
		n++;
	}
	return n;
}

/* What is pushed to us is not fetched: no rows of zeros for it. */
static void our_own_source_is_not_fetched(void **state)
{
	struct group groups[2];
	struct group *all[] = { &groups[0], &groups[1] };
	const char *text;

	group_init(&groups[0], "builtin");
	group_init(&groups[1], "http://gw:9091");
	groups[0].own = true;
	gateway.api.groups = all;
	gateway.api.n_groups = ARRAY_SIZE(all);
	text = gateway_get(&gateway, "/metrics");
	gateway.api.n_groups = 0;
	assert_non_null(strstr(text, "bouncer_source_up{source=\"builtin\"}"));
	assert_null(strstr(text, "fetches_total{source=\"builtin\""));
	assert_null(strstr(text, "fetch_bytes_total{source=\"builtin\""));
	assert_non_null(
		strstr(text, "fetches_total{source=\"http://gw:9091\""));
	assert_non_null(
		strstr(text, "fetch_bytes_total{source=\"http://gw:9091\""));
}

static void families_are_merged(void **state)
{
	const char *text;
	size_t n_own;

	text = gateway_get(&gateway, "/metrics");
	n_own = check_order(text);
	gateway_put(&gateway, "/metrics/job/a",
	            "# TYPE aaa gauge\n# HELP aaa with \\\\ and \\n\naaa 1\n"
	            "# TYPE bouncer_monitors gauge\n"
	            "# HELP bouncer_monitors Another's.\n"
	            "bouncer_monitors 7\n"
	            "# TYPE process_cpu_seconds_total counter\n"
	            "process_cpu_seconds_total 8\n"
	            "# TYPE process_start_time_seconds gauge\n"
	            "process_start_time_seconds 9\n"
	            "zzz{l=\"\\\"\"} 1\n");
	text = gateway_get(&gateway, "/metrics");
	/* these and push_time_seconds, push_failure_time_seconds */
	assert_int_equal(check_order(text), n_own + 4);
	assert_true(strncmp(text,
	                    "# HELP aaa with \\\\ and \\n\n"
	                    "# TYPE aaa gauge\n"
	                    "aaa{instance=\"\",job=\"a\"} 1\n",
	                    60) == 0);
	assert_non_null(strstr(
		text, "\n# HELP bouncer_monitors Monitors, containers of "
		      "rules among them."
		      "\n# TYPE bouncer_monitors gauge\n"
		      "bouncer_monitors 0\n"
		      "bouncer_monitors{instance=\"\",job=\"a\"} 7\n"
		      "# HELP bouncer_source_fetch_bytes_total "));
	assert_non_null(strstr(
		text, "\nprocess_start_time_seconds{instance=\"\",job=\"a\"} "
		      "9\n# "));
	assert_non_null(strstr(text,
	                       "\n# TYPE zzz untyped\n"
	                       "zzz{instance=\"\",job=\"a\",l=\"\\\"\"} 1\n"));
}

static void a_head_has_no_body_and_leaves_nothing(void **state)
{
	for (int i = 0; i < PUSH_STORE_MAX_VIEWS * 2; i++) {
		gateway_ask(&gateway, "HEAD", "/metrics", "", slice_from(""));
		gateway_expect(&gateway, 200, "");
	}
}

static void too_many_readers_at_once(void **state)
{
	struct push_view *views[PUSH_STORE_MAX_VIEWS];

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		views[i] = push_view_new(gateway.store);
		assert_non_null(views[i]);
	}
	gateway_ask(&gateway, "GET", "/metrics", "", slice_from(""));
	gateway_expect(&gateway, 503, "too many answers …");
	gateway_ask(&gateway, "GET", "/api/v1/metrics", "", slice_from(""));
	gateway_expect(&gateway, 503, "too many answers …");
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		push_view_free(views[i]);
	assert_non_null(gateway_get(&gateway, "/metrics"));
}

/* --- long answers ----------------------------------------------------------- */

#define N_GROUPS 200

/* As many groups with a large sample each as sockets cannot hold. */
static void push_many(char value)
{
	static char text[60000];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "x{l=\"");
	memset(text + n, 'l', sizeof(text) - 20);
	n += sizeof(text) - 20;
	(void)snprintf(text + n, sizeof(text) - n, "\"} %c\n", value);
	for (int i = 0; i < N_GROUPS; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/metrics/job/j%03d", i);
		gateway_put(&gateway, path, text);
	}
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

/* What was pushed while the answer went out is not in it. */
static void an_answer_shows_one_moment(void **state)
{
	struct response response;
	struct client slow;

	push_many('1');
	client_connect(&slow, &gateway.kit);
	client_send(&slow, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	client_await(&slow, 100000);
	push_many('2');
	gateway_ask(&gateway, "DELETE", "/metrics/job/j199", "",
	            slice_from(""));
	client_response(&slow, &response, false);
	assert_true(response.whole);
	assert_int_equal(count(buf_text(&response.body), "l\"} 1\n"), N_GROUPS);
	assert_int_equal(count(buf_text(&response.body), "l\"} 2\n"), 0);
	response_fini(&response);
	client_close(&slow);
	assert_int_equal(count(gateway_get(&gateway, "/metrics"), "l\"} 2\n"),
	                 N_GROUPS - 1);
}

/* The gateway goes while an answer is on its way: it must not look whole, and
 * the log says so. */
static void an_answer_may_be_cut_short(void **state)
{
	static const char *const paths[] = { "metrics", "api/v1/metrics",
		                             "metrics" };
	struct client slow[ARRAY_SIZE(paths)];

	push_many('1');
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char request[100];

		(void)snprintf(request, sizeof(request),
		               "GET /%s HTTP/1.1\r\nHost: x\r\n"
		               "Connection: close\r\n\r\n",
		               paths[i]);
		client_connect(&slow[i], &gateway.kit);
		client_send(&slow[i], request);
		client_await(&slow[i], 100000);
	}
	api_close_gateway(&gateway.api);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		client_await_end(&slow[i]);
		assert_true(slow[i].in.n > 100000);
		assert_int_not_equal(
			memcmp(slow[i].in.p + slow[i].in.n - 5, "0\r\n\r\n", 5),
			0);
		client_close(&slow[i]);
	}
	assert_int_equal(count(buf_text(&gateway.kit.log_text),
	                       "an answer was cut short"),
	                 ARRAY_SIZE(paths));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_families_are_sorted_and_have_one_writer),
		cmocka_unit_test_setup_teardown(our_own_source_is_not_fetched,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(families_are_merged, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(
			a_head_has_no_body_and_leaves_nothing, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(too_many_readers_at_once,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_shows_one_moment,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_may_be_cut_short,
		                                set_up, tear_down),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
