/* SPDX-License-Identifier: Apache-2.0 */
/* api: long answers over a real connection, while monitors come and go. */
#include "support/cmocka.h"
#include "api_kit.h"

#include <stdio.h>
#include <string.h>
#include "api/routes.h"

#define N_LISTED 20000 /* more than sockets hold */

static struct api_kit kit;
static struct monitor *listed[N_LISTED];

static int set_up(void **state)
{
	(void)state;
	api_kit_init(&kit);
	for (size_t i = 0; i < N_LISTED; i++)
		listed[i] = &kit.monitors[0];
	kit.api.monitors = listed;
	kit.api.n_monitors = N_LISTED;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	api_kit_fini(&kit);
	return 0;
}

/* One that has had the beginning of the answer and reads nothing more. */
static void ask_slowly(struct client *slow, const char *path)
{
	char request[100];

	(void)snprintf(request, sizeof(request),
	               "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	api_kit_connect(&kit, kit.addr, slow);
	client_send(slow, request);
	client_await(slow, 100000);
}

/* A reload, or containers that went: one is left, at another place. */
static void change(void)
{
	api_settle_answers(&kit.api);
	memset(listed, 0, sizeof(listed));
	listed[0] = &kit.monitors[1];
	kit.api.n_monitors = 1;
}

/* Not by strstr(): a sanitizer measures all of its text at each call. */
static size_t count(const struct buf *body, const char *what)
{
	struct slice rest = buf_slice(body);
	const char *at;
	size_t n = 0;

	while ((at = memchr(rest.p, what[0], rest.n))) {
		rest = slice_skip(rest, (size_t)(at - rest.p));
		n += slice_starts(rest, what);
		rest = slice_skip(rest, 1);
	}
	return n;
}

static void expect(struct client *slow, const char *what, size_t n,
                   const char *end)
{
	struct response response;

	client_response(slow, &response, false);
	assert_true(response.whole);
	assert_int_equal(count(&response.body, what), n);
	assert_string_equal(
		buf_text(&response.body) + response.body.n - strlen(end), end);
	response_fini(&response);
	client_close(slow);
}

/* It shows what there was when they changed, each once, and is whole. */
static void an_answer_outlives_what_it_shows(void **state)
{
	struct client monitors;
	struct client page;

	(void)state;
	ask_slowly(&monitors, "/api/v1/monitors");
	ask_slowly(&page, "/");
	change();
	assert_true(kit.api.n_settled > 0);
	change(); /* and once more */
	expect(&monitors, "{\"name\":\"a\"", N_LISTED, "]}\n");
	expect(&page, "<tr>", N_LISTED + 1, "</html>\n");
	assert_int_equal(kit.api.n_settled, 0);
}

/* What one family began with it ends with; the next ones are of others. */
static void metrics_go_on_with_what_is_there(void **state)
{
	struct response response;
	struct client slow;
	size_t n;

	(void)state;
	ask_slowly(&slow, "/metrics");
	change();
	client_response(&slow, &response, false);
	assert_true(response.whole);
	n = count(&response.body, "monitor=\"a\"");
	assert_true(n >= N_LISTED);
	assert_int_equal(n % N_LISTED, 0);
	assert_true(count(&response.body, "monitor=\"b/c\"") > 0);
	response_fini(&response);
	client_close(&slow);
	assert_int_equal(kit.api.n_settled, 0);
}

/* Who goes away gives back what was written for them. */
static void a_reader_who_leaves_costs_nothing(void **state)
{
	struct client slow;

	(void)state;
	ask_slowly(&slow, "/api/v1/monitors");
	change();
	assert_true(kit.api.n_settled > 0);
	client_abort(&slow);
	for (int i = 0; i < 1000 && kit.api.n_settled > 0; i++)
		test_loop_for(&kit.kit.loop, 1);
	assert_int_equal(kit.api.n_settled, 0);
}

/* Beyond the limit it must not look whole, and the log says why. */
static void too_much_at_once_is_cut_short(void **state)
{
	struct client slow;

	(void)state;
	ask_slowly(&slow, "/api/v1/monitors");
	kit.api.n_settled = API_MAX_SETTLED - 1000;
	change();
	client_await_end(&slow);
	assert_int_not_equal(memcmp(slow.in.p + slow.in.n - 5, "0\r\n\r\n", 5),
	                     0);
	client_close(&slow);
	assert_int_equal(kit.api.n_settled, API_MAX_SETTLED - 1000);
	assert_non_null(
		strstr(buf_text(&kit.kit.log_text), "an answer was cut short"));
	assert_non_null(
		strstr(buf_text(&kit.kit.log_text), "/api/v1/monitors"));
}

/* What is in the journal has its places in no list. */
static void the_journal_is_left_alone(void **state)
{
	struct client slow;

	(void)state;
	assert_int_equal(journal_resize(&kit.journal, N_LISTED), 0);
	for (size_t i = 0; i < N_LISTED; i++)
		journal_add(&kit.journal, 0, JOURNAL_STATE, "a", "good", "bad",
		            "late", "and so on, for a line of some length");
	ask_slowly(&slow, "/api/v1/journal?limit=20000");
	change();
	assert_int_equal(kit.api.n_settled, 0);
	expect(&slow, "{\"seq\":", N_LISTED, "}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_outlives_what_it_shows),
		TEST(metrics_go_on_with_what_is_there),
		TEST(a_reader_who_leaves_costs_nothing),
		TEST(too_much_at_once_is_cut_short),
		TEST(the_journal_is_left_alone),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
