/* SPDX-License-Identifier: Apache-2.0 */
/* What a scripted engine says of its containers: lists, inspections, removals,
 * and its stream of events in every split, cut at every byte. */
#include "io/docker_kit.h"
#include "support/faults.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "proto/docker_event.h"
#include "runtime/docker_work.h"

#define SINCE INT64_C(1795241904464315520)

/* --- the fixture: a watch, a list, and what they said ------------------- */

struct telling {
	struct fixture fixture;
	struct runtime_watch watch;
	struct buf heard; /* a line for each */
	int n_opened;
	int n_closed;
	int n_events;
	int n_containers;
	size_t most_kept; /* bytes of buffers, while listing */
	int enough;       /* events or containers after which it is cancelled */
	bool closed;
};

static void on_opened(struct runtime_watch *watch)
{
	struct telling *telling = container_of(watch, struct telling, watch);

	assert_int_equal(telling->n_closed, 0);
	telling->n_opened++;
}

static void on_event(struct runtime_watch *watch,
                     const struct runtime_event *event)
{
	struct telling *telling = container_of(watch, struct telling, watch);

	assert_int_equal(telling->n_opened, 1);
	assert_int_equal(telling->n_closed, 0);
	(void)buf_printf(&telling->heard, "%d %s %s %d %d\n", (int)event->kind,
	                 event->id, event->name, (int)event->health,
	                 (int)event->exit_code);
	if (++telling->n_events == telling->enough)
		runtime_unwatch(watch);
}

static void on_closed(struct runtime_watch *watch)
{
	struct telling *telling = container_of(watch, struct telling, watch);

	assert_int_equal(watch->err.code < 0, 1);
	telling->n_closed++;
	telling->closed = true;
}

static void on_container(struct runtime_call *call,
                         const struct container *container)
{
	struct fixture *fixture = container_of(call, struct fixture, call);
	struct telling *telling =
		container_of(fixture, struct telling, fixture);
	const struct docker_work *work = call->work;

	(void)buf_printf(&telling->heard, "%s %s %d %d %u\n", container->id,
	                 container->name, (int)container->status,
	                 (int)container->health, container->n_streak);
	telling->most_kept = MAX(telling->most_kept,
	                         work->split.text.cap + work->labels.cap +
	                                 work->output.cap + work->reply.cap);
	if (++telling->n_containers == telling->enough)
		runtime_cancel(call);
}

static void begin_telling(struct telling *telling,
                          const struct scripted_row *rows)
{
	*telling = (struct telling){
		.watch = { .since_ns = SINCE,
		           .opened = on_opened,
		           .event = on_event,
		           .closed = on_closed },
	};
	buf_init(&telling->heard, 1 << 20);
	docker_begin_test(&telling->fixture, rows);
	telling->fixture.call.container = on_container;
}

static void end_telling(struct telling *telling)
{
	docker_end_test(&telling->fixture);
	buf_fini(&telling->heard);
}

static void watch(struct telling *telling)
{
	telling->closed = false;
	telling->n_opened = 0;
	telling->n_closed = 0;
	assert_int_equal(
		runtime_watch(telling->fixture.runtime, &telling->watch), 0);
	assert_int_equal(telling->n_opened + telling->n_closed, 0);
}

static void watch_to_its_end(struct telling *telling)
{
	watch(telling);
	test_loop_until(&telling->fixture.loop, &telling->closed);
	assert_int_equal(telling->n_closed, 1);
}

static void expect_heard(const struct telling *telling, const char *words)
{
	assert_string_equal(buf_text(&telling->heard), words);
}

static void expect_closed(const struct telling *telling, int code,
                          const char *words)
{
	if (telling->watch.err.code != code ||
	    !strstr(telling->watch.err.message, words))
		fail_msg("%d %s; %s", telling->watch.err.code,
		         telling->watch.err.message,
		         telling->fixture.engine.complaint);
}

/* "GET /v1.41/events?since=…", static storage for each @at */
static const char *watch_request(int at, const char *version, bool podman)
{
	static char requests[2][1024];
	struct buf request;

	buf_init(&request, sizeof(requests[at]) - 1);
	(void)buf_printf(&request, "GET /v%s", version);
	docker_events_path(&request, SINCE + 1, podman);
	assert_int_equal(request.failed, 0);
	(void)snprintf(requests[at], sizeof(requests[at]), "%s",
	               buf_text(&request));
	buf_fini(&request);
	return requests[at];
}

/* --- events ------------------------------------------------------------- */

#define HEAD                                                    \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
	"Transfer-Encoding: chunked\r\n\r\n"
#define EVENT(action, more)                                         \
	"{\"Type\":\"container\",\"Action\":\"" action              \
	"\",\"Actor\":{\"ID\":\"c0ffee\",\"Attributes\":{\"name\":" \
	"\"web\"" more "}},\"timeNano\":1795241904464315521}\n"
#define START EVENT("start", "")
#define DIE   EVENT("die", ",\"exitCode\":\"137\"")
#define SICK  EVENT("health_status: unhealthy", "")

/* A chunk for each event but the last two, which share one. */
static const char *stream_text(void)
{
	static char text[2048];

	if (!text[0])
		(void)snprintf(
			text, sizeof(text), HEAD "%zx\r\n%s\r\n%zx\r\n%s%s\r\n",
			strlen(START), START, strlen(DIE SICK), DIE, SICK);
	return text;
}

#define HEARD_START "1 c0ffee web 1 -1\n"
#define HEARD_DIE   "4 c0ffee web 1 137\n"
#define HEARD_SICK  "2 c0ffee web 4 -1\n"

static void set_stream(struct scripted_row *rows, const char *text)
{
	rows[0] = (struct scripted_row)HELLO;
	rows[1] = (struct scripted_row){ watch_request(0, "1.41", false), NULL,
		                         SCRIPTED_BYTES_CLOSE, text };
	rows[2] = (struct scripted_row){ 0 };
}

static void test_every_split(void **state)
{
	size_t n = strlen(stream_text());
	struct scripted_row rows[3];

	set_stream(rows, stream_text());
	for (size_t piece = 1; piece <= n; piece++) {
		struct telling telling;

		begin_telling(&telling, rows);
		telling.fixture.engine.piece = piece;
		watch_to_its_end(&telling);
		expect_heard(&telling, HEARD_START HEARD_DIE HEARD_SICK);
		expect_closed(&telling, -ENOTCONN, "the stream ended");
		end_telling(&telling);
	}
}

static int count(const char *text, const char *words)
{
	int n = 0;

	while ((text = strstr(text, words))) {
		text += strlen(words);
		n++;
	}
	return n;
}

/* Cut anywhere: what had come is told, no more, and the end is one. */
static void test_cut_at_every_byte(void **state)
{
	static const char *const heard[] = {
		"",
		HEARD_START,
		HEARD_START HEARD_DIE,
		HEARD_START HEARD_DIE HEARD_SICK,
	};
	size_t n = strlen(stream_text());

	for (size_t cut = 0; cut < n; cut++) {
		char *text = test_malloc(n + 1);
		struct scripted_row rows[3];
		struct telling telling;

		memcpy(text, stream_text(), cut);
		text[cut] = '\0';
		set_stream(rows, text);
		begin_telling(&telling, rows);
		watch_to_its_end(&telling);
		/* an event is whole with its last bracket */
		expect_heard(&telling, heard[count(text, "521}")]);
		expect_closed(&telling, -ENOTCONN, "docker: events: ");
		assert_int_equal(telling.n_opened, cut >= strlen(HEAD));
		end_telling(&telling);
		test_free(text);
	}
}

static void test_ends_of_a_stream(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *words;
		const char *heard;
	} ends[] = {
		{ HEAD "0\r\n\r\n", -ENOTCONN, "the engine ended the stream",
		  "" },
		{ "HTTP/1.1 500 X\r\nContent-Length: 17\r\n\r\n"
		  "{\"message\":\"no\"}\n",
		  -EIO, "would not tell of its events: HTTP 500: no", "" },
		/* as proxies say it that let only some of it be asked */
		{ "HTTP/1.1 403 X\r\nContent-Length: 3\r\n\r\nno\n", -ENOTSUP,
		  "a proxy must let /events pass", "" },
		{ "HTTP/1.1 404 X\r\nContent-Length: 3\r\n\r\nno\n", -ENOTSUP,
		  "of its events: HTTP 404: ", "" },
		{ "HTTP/1.1 501 X\r\nContent-Length: 3\r\n\r\nno\n", -ENOTSUP,
		  "of its events: HTTP 501: ", "" },
		{ "HTTP/1.1 200 OK\r\n\r\n<html>\n", -EIO,
		  "the engine's events make no sense: ", "" },
		{ "HTTP/1.1 200 OK\r\n\r\n" START "]" DIE, -EIO,
		  "make no sense: they are no JSON", HEARD_START },
		{ "HTTP/1.1 200 OK\r\n\r\n" START "{\"a\":}" DIE, -EIO,
		  "the engine's events make no sense: ", HEARD_START },
		{ "nonsense\r\n\r\n", -ENOTCONN, "tell of its events", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct scripted_row rows[3];
		struct telling telling;

		set_stream(rows, ends[i].text);
		begin_telling(&telling, rows);
		watch_to_its_end(&telling);
		expect_closed(&telling, ends[i].code, ends[i].words);
		expect_heard(&telling, ends[i].heard);
		end_telling(&telling);
	}
}

static void test_one_that_is_too_large_is_skipped(void **state)
{
	size_t size = 3u << 20;
	char *text = test_malloc(size);
	struct scripted_row rows[3];
	struct telling telling;
	size_t n;

	n = (size_t)snprintf(text, size,
	                     "HTTP/1.1 200 OK\r\n\r\n" START "{\"a\":\"");
	memset(text + n, 'x', 2u << 20);
	(void)snprintf(text + n + (2u << 20), 1024, "\"}\n" DIE);
	set_stream(rows, text);
	begin_telling(&telling, rows);
	watch_to_its_end(&telling);
	expect_heard(&telling, HEARD_START HEARD_DIE);
	docker_until_said(&telling.fixture, "an event was too large");
	end_telling(&telling);
	test_free(text);
}

static void test_enough_in_the_middle(void **state)
{
	struct scripted_row rows[3];

	for (int enough = 1; enough <= 3; enough++) {
		struct telling telling;

		set_stream(rows, stream_text());
		rows[1].status = SCRIPTED_BYTES; /* it stays open */
		begin_telling(&telling, rows);
		telling.enough = enough;
		watch_to_its_end(&telling);
		assert_int_equal(telling.n_events, enough);
		expect_closed(&telling, UV_ECANCELED, "cancelled while");
		runtime_unwatch(&telling.watch); /* harmless */
		end_telling(&telling);
	}
}

static void test_closing_with_an_open_stream(void **state)
{
	struct scripted_row rows[3];
	struct telling telling;

	set_stream(rows, HEAD);
	rows[1].status = SCRIPTED_BYTES;
	begin_telling(&telling, rows);
	watch(&telling);
	for (int i = 0; i < 1000 && !telling.n_opened; i++)
		test_loop_for(&telling.fixture.loop, 1);
	assert_int_equal(telling.n_opened, 1);
	docker_close_all(&telling.fixture);
	assert_int_equal(telling.n_closed, 1);
	expect_closed(&telling, UV_ECANCELED, "following its events");

	scripted_close(&telling.fixture.engine);
	buf_fini(&telling.fixture.said);
	test_loop_fini(&telling.fixture.loop);
	buf_fini(&telling.heard);
}

static void test_unwatched_before_it_began(void **state)
{
	static const struct scripted_row rows[] = { { 0 } };
	struct telling telling;

	begin_telling(&telling, rows);
	watch(&telling);
	runtime_unwatch(&telling.watch);
	runtime_unwatch(&telling.watch);
	test_loop_until(&telling.fixture.loop, &telling.closed);
	assert_int_equal(telling.n_closed, 1);
	expect_closed(&telling, UV_ECANCELED, "");
	docker_end_early(&telling.fixture);
	buf_fini(&telling.heard);
}

/* Some Podmans send their head with the first event. */
static void test_a_podman_that_says_nothing_yet(void **state)
{
	struct scripted_row rows[] = {
		PING(PODMAN),
		{ watch_request(0, "1.41", true), NULL, SCRIPTED_HOLD, START },
		{ 0 },
	};
	struct telling telling;

	begin_telling(&telling, rows);
	container_of(telling.fixture.runtime, struct docker, runtime)->head_ms =
		5;
	watch(&telling);
	for (int i = 0; i < 1000 && !telling.n_opened; i++)
		test_loop_for(&telling.fixture.loop, 1);
	assert_int_equal(telling.n_opened, 1);
	scripted_release(&telling.fixture.engine);
	test_loop_until(&telling.fixture.loop, &telling.closed);
	assert_int_equal(telling.n_opened, 1);
	expect_heard(&telling, HEARD_START);
	end_telling(&telling);
}

static void test_podmans_word_on_health_is_not_the_last(void **state)
{
	static const char stream[] =
		"HTTP/1.1 200 OK\r\n\r\n{\"Action\":\"health_status\","
		"\"Actor\":{\"ID\":\"c0ffee\",\"Attributes\":{\"name\":"
		"\"web\"}},\"HealthStatus\":\"starting\"}";
	struct scripted_row rows[] = {
		PING(PODMAN),
		{ watch_request(0, "1.41", true), NULL, SCRIPTED_BYTES_CLOSE,
		  stream },
		{ 0 },
	};
	struct telling telling;

	begin_telling(&telling, rows);
	watch_to_its_end(&telling);
	expect_heard(&telling, "2 c0ffee web 1 -1\n");
	end_telling(&telling);
}

/* Replaced under us by one that does not speak our version any more, and
 * says so as very old paths do: in plain text. */
static void test_another_version_at_the_next_stream(void **state)
{
	static const char too_old[] =
		"HTTP/1.1 400 Bad Request\r\nApi-Version: 1.52\r\n"
		"Content-Type: text/plain\r\nContent-Length: 82\r\n\r\n"
		"client version 1.41 is too old. Minimum supported API "
		"version is 1.44, please upgrade";
	struct scripted_row rows[] = {
		HELLO,
		{ watch_request(0, "1.41", false), NULL, SCRIPTED_BYTES,
		  too_old },
		PING(ENGINE("1.52")),
		{ watch_request(1, "1.47", false), NULL, SCRIPTED_BYTES_CLOSE,
		  stream_text() },
		PING(ENGINE("1.52")), /* another one may answer next */
		{ "GET /v1.47/containers/json?all=1", NULL, 200, "[]" },
		{ 0 },
	};
	struct telling telling;

	begin_telling(&telling, rows);
	watch_to_its_end(&telling);
	assert_int_equal(telling.n_opened, 1);
	expect_heard(&telling, HEARD_START HEARD_DIE HEARD_SICK);
	docker_run(&telling.fixture, runtime_list);
	docker_expect(&telling.fixture, RUNTIME_OK, NULL);
	end_telling(&telling);
}

static void test_no_engine(void **state)
{
	static const struct scripted_row rows[] = { { 0 } };
	struct telling telling;

	begin_telling(&telling, rows);
	docker_close_all(&telling.fixture);
	docker_open(&telling.fixture, "docker", "/nonexistent/docker.sock");
	watch_to_its_end(&telling);
	expect_closed(&telling, -ENOTCONN, "is the engine running");
	assert_int_equal(telling.n_opened, 0);
	docker_run(&telling.fixture, runtime_list);
	docker_expect(&telling.fixture, RUNTIME_UNAVAILABLE,
	              "docker: containers: asking the engine to list its "
	              "containers failed");
	docker_end_early(&telling.fixture);
	buf_fini(&telling.heard);
}

/* --- lists -------------------------------------------------------------- */

#define LIST(reply)                                                  \
	{                                                            \
		"GET /v1.41/containers/json?all=1", NULL, 200, reply \
	}

static void test_lists(void **state)
{
	static const struct {
		const char *reply;
		enum runtime_result result;
		const char *words;
		const char *heard;
	} lists[] = {
		{ "[]\n", RUNTIME_OK, NULL, "" },
		{ "[{\"Id\":\"a\",\"Names\":[\"/web\"],\"State\":\"running\","
		  "\"Status\":\"Up (unhealthy)\"},{\"Id\":\"b\",\"Names\":[],"
		  "\"State\":\"running\",\"Health\":{\"Status\":"
		  "\"unhealthy\",\"FailingStreak\":3}}]",
		  RUNTIME_OK, NULL, "a web 1 4 0\nb  1 4 3\n" },
		{ "[{\"Id\":\"a\"}", RUNTIME_FAILED,
		  "the engine's list broke off", "a  0 1 0\n" },
		{ "[{\"Id\":\"a\"},{\"Id\":}]", RUNTIME_FAILED,
		  "the engine's list makes no sense", "a  0 1 0\n" },
		{ "[{\"Names\":[]}]", RUNTIME_FAILED, "it has no Id", "" },
		{ "[null]", RUNTIME_FAILED, "it has no Id", "" },
		{ "{\"message\":\"x\"}", RUNTIME_FAILED, "the engine's list",
		  "" },
		{ "null", RUNTIME_FAILED, "the engine's list", "" },
		{ "", RUNTIME_FAILED, "the engine's list", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct scripted_row rows[] = { HELLO,
			                             LIST(lists[i].reply),
			                             { 0 } };
		struct telling telling;

		begin_telling(&telling, rows);
		docker_run(&telling.fixture, runtime_list);
		docker_expect(&telling.fixture, lists[i].result,
		              lists[i].words);
		expect_heard(&telling, lists[i].heard);
		end_telling(&telling);
	}
}

static void test_a_refused_list(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		{ "GET /v1.41/containers/json?all=1", NULL, 500,
		  SAYS("layer not known") },
		{ "GET /v1.41/containers/json?all=1", NULL,
		  SCRIPTED_BYTES_CLOSE, HEAD "c\r\n[{\"Id\":\"a\"},\r\n" },
		{ 0 },
	};
	struct telling telling;

	begin_telling(&telling, rows);
	docker_run(&telling.fixture, runtime_list);
	docker_expect(&telling.fixture, RUNTIME_FAILED,
	              "would not list its containers: HTTP 500: layer not "
	              "known");
	docker_run(&telling.fixture, runtime_list);
	docker_expect(&telling.fixture, RUNTIME_FAILED, "broke off");
	expect_heard(&telling, "a  0 1 0\n");
	end_telling(&telling);
}

static char *thousand(void)
{
	struct buf text;

	buf_init(&text, 4u << 20);
	for (int i = 0; i < 1000; i++)
		(void)buf_printf(
			&text,
			"%c{\"Id\":\"c%d\",\"Names\":[\"/web-%d\"],\"Image\":"
			"\"bb\",\"State\":\"running\",\"Status\":\"Up\","
			"\"Command\":\"%0400d\",\"Labels\":{\"a\":\"b\","
			"\"com.docker.compose.service\":\"web\"}}",
			i ? ',' : '[', i, i, 0);
	(void)buf_putc(&text, ']');
	return buf_take(&text);
}

static void test_a_thousand_in_little_memory(void **state)
{
	char *text = thousand();
	const struct scripted_row rows[] = { HELLO, LIST(text), { 0 } };
	struct telling telling;

	assert_true(strlen(text) > 400000);
	begin_telling(&telling, rows);
	docker_run(&telling.fixture, runtime_list);
	docker_expect(&telling.fixture, RUNTIME_OK, NULL);
	assert_int_equal(telling.n_containers, 1000);
	assert_true(telling.most_kept > 0);
	assert_true(telling.most_kept < 8192);
	end_telling(&telling);
	mem_free(text);
}

static void test_a_list_of_which_one_has_enough(void **state)
{
	char *text = thousand();
	const struct scripted_row rows[] = { HELLO, LIST(text), { 0 } };
	struct telling telling;

	begin_telling(&telling, rows);
	telling.enough = 2;
	docker_run(&telling.fixture, runtime_list);
	docker_expect(&telling.fixture, RUNTIME_CANCELLED, NULL);
	assert_int_equal(telling.n_containers, 2);
	end_telling(&telling);
	mem_free(text);
}

/* --- inspections -------------------------------------------------------- */

#define SICK_WEB                                                          \
	"{\"Id\":\"c0ffee\",\"Name\":\"/web\",\"State\":{\"Status\":"     \
	"\"running\",\"StartedAt\":\"2026-11-21T06:18:25.667245438Z\","   \
	"\"Health\":{\"Status\":\"unhealthy\",\"FailingStreak\":3,"       \
	"\"Log\":[{\"ExitCode\":7,\"Output\":\"refused\\n\"}]}},"         \
	"\"HostConfig\":{\"NetworkMode\":\"container:beef\",\"IpcMode\":" \
	"\"container:beef\",\"RestartPolicy\":{\"Name\":\"always\"},"     \
	"\"AutoRemove\":true},\"Config\":{\"Image\":\"bb\",\"Labels\":"   \
	"{\"a\":\"b\"},\"HealthcheckOnFailureAction\":\"kill\"}}"

static int n_inspected;

static void on_inspected(struct runtime_call *call,
                         const struct container *container)
{
	n_inspected++;
	assert_string_equal(container->id, "c0ffee");
	assert_string_equal(container->name, "web");
	assert_string_equal(container->image, "bb");
	assert_string_equal(container->project, "");
	assert_int_equal(container->n_labels, 1);
	assert_string_equal(container->labels[0].name, "a");
	assert_string_equal(container->labels[0].value, "b");
	assert_int_equal(container->status, CONTAINER_RUNNING);
	assert_int_equal(container->health, CONTAINER_HEALTH_UNHEALTHY);
	assert_int_equal(container->n_streak, 3);
	assert_int_equal(container->started_wall_ms, 1795241905667);
	assert_int_equal(container->check_exit_code, 7);
	assert_string_equal(container->output, "refused");
	assert_string_equal(container->network_of, "beef");
	assert_string_equal(container->ipc_of, "beef");
	assert_null(container->pid_of);
	assert_int_equal(container->policy, CONTAINER_POLICY_ALWAYS);
	assert_true(container->detailed);
	assert_true(container->auto_remove);
	assert_true(container->own_action);
}

/* One request each, on a kept connection; of Podman its own kind. */
static void test_inspections(void **state)
{
	static const struct scripted_row docker[] = {
		HELLO, LOOK(SICK_WEB), LOOK(SICK_WEB), { 0 }
	};
	static const struct scripted_row podman[] = {
		PING(PODMAN),
		{ "GET /v1.41/libpod/containers/web/json", NULL, 200,
		  SICK_WEB },
		{ "GET /v1.41/libpod/containers/web/json", NULL, 200,
		  SICK_WEB },
		{ 0 }
	};
	const struct scripted_row *const scripts[] = { docker, podman };

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct fixture fixture;

		n_inspected = 0;
		docker_begin_test(&fixture, scripts[i]);
		fixture.call.container = on_inspected;
		docker_run(&fixture, runtime_inspect);
		docker_expect(&fixture, RUNTIME_OK, NULL);
		docker_run(&fixture, runtime_inspect);
		docker_expect(&fixture, RUNTIME_OK, NULL);
		assert_int_equal(n_inspected, 2);
		assert_int_equal(fixture.call.found.status,
		                 RUNTIME_STATUS_RUNNING);
		docker_end_test(&fixture);
	}
}

static void on_long_output(struct runtime_call *call,
                           const struct container *container)
{
	size_t n = strlen(container->output);

	/* a character of two bytes would have been cut in half */
	assert_int_equal(n, DOCKER_OUTPUT_MAX - 1);
	n_inspected++;
}

static void test_what_a_check_says_is_bounded(void **state)
{
	struct scripted_row rows[] = { HELLO, LOOK(NULL), { 0 } };
	struct fixture fixture;
	struct buf text;

	buf_init(&text, 1 << 20);
	(void)buf_puts(&text, "{\"Id\":\"c0ffee\",\"State\":{\"Health\":{"
	                      "\"Log\":[{\"ExitCode\":1,\"Output\":\"x");
	for (int i = 0; i < 50000; i++)
		(void)buf_puts(&text, "\xc3\xa4");
	(void)buf_puts(&text, "\"}]}}}");
	rows[1].reply = buf_text(&text);
	n_inspected = 0;
	docker_begin_test(&fixture, rows);
	fixture.call.container = on_long_output;
	docker_run(&fixture, runtime_inspect);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	assert_int_equal(n_inspected, 1);
	docker_end_test(&fixture);
	buf_fini(&text);
}

/* --- removals ----------------------------------------------------------- */

#define DELETE(status, reply)                    \
	{                                        \
		"DELETE " C, NULL, status, reply \
	}

static const struct story removals[] = {
	{ "it goes well",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED), DELETE(204, NULL) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "it is gone",
	  runtime_remove,
	  { HELLO,
	    { "GET /v1.41/containers/web/json", NULL, 404,
	      SAYS("No such container: web") } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_OTHER,
	  NULL },
	{ "it goes meanwhile",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED), DELETE(404, SAYS("No such container")) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "somebody else is at it",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED),
	    DELETE(409, SAYS("removal of container c0ffee is already in "
	                     "progress")) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "it runs",
	  runtime_remove,
	  { HELLO, LOOK(RUNNING) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_RUNNING,
	  "it runs and is left alone" },
	{ "it is paused",
	  runtime_remove,
	  { HELLO, LOOK(PAUSED) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_PAUSED,
	  "unpause it first" },
	{ "the engine restarts it",
	  runtime_remove,
	  { HELLO, LOOK(AGAIN) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_RESTARTING,
	  NULL },
	{ "it was started meanwhile",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED),
	    DELETE(409, SAYS("You cannot remove a running container c0ffee. "
	                     "Stop the container")) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_EXITED,
	  "started meanwhile" },
	{ "… says a newer engine",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED),
	    DELETE(409, SAYS("cannot remove container c0ffee: container is "
	                     "running: stop the container before removing")) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "… says Podman",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED),
	    DELETE(500, SAYS("cannot remove container c0ffee as it is "
	                     "running - running or paused containers cannot "
	                     "be removed without force")) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "the engine cannot",
	  runtime_remove,
	  { HELLO, LOOK(STOPPED), DELETE(500, SAYS("device busy")) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "the engine would not remove it: HTTP 500: device busy" },
};

static void test_removals(void **state)
{
	docker_tell(removals, ARRAY_SIZE(removals));
}

static void test_volumes_only_when_asked_for(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(STOPPED),
		{ "DELETE " C "?v=1", NULL, 204, NULL },
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.volumes = true;
	docker_run(&fixture, runtime_remove);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

/* --- memory that runs out ----------------------------------------------- */

/* All of it, with whatever fails; and closed again. */
static void use_it_all(struct telling *telling)
{
	static const operation ops[] = { runtime_list, runtime_inspect,
		                         runtime_remove };
	struct fixture *fixture = &telling->fixture;
	struct err err;

	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	if (!fixture->client)
		return;
	fixture->closed = true;
	if (docker_runtime_new(&fixture->runtime, &fixture->loop.uv,
	                       fixture->client, "docker", fixture->engine.path,
	                       NULL, &err) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
			fixture->done = false;
			if (ops[i](fixture->runtime, &fixture->call,
			           docker_call_done) == 0)
				test_loop_until(&fixture->loop, &fixture->done);
		}
		telling->n_opened = telling->n_closed = 0;
		telling->closed = false;
		if (runtime_watch(fixture->runtime, &telling->watch) == 0)
			test_loop_until(&fixture->loop, &telling->closed);
		fixture->closed = false;
		runtime_close(fixture->runtime, docker_closed,
		              &fixture->closed);
	}
	test_loop_until(&fixture->loop, &fixture->closed);
	fixture->closed = false;
	http_client_close(fixture->client, docker_closed, &fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	runtime_call_fini(&fixture->call);
	while (!list_empty(&fixture->engine.connections))
		(void)uv_run(&fixture->loop.uv, UV_RUN_ONCE);
}

static void test_memory_runs_out(void **state)
{
	struct scripted_row rows[] = {
		HELLO,
		LIST("[{\"Id\":\"a\",\"Labels\":{\"a\":\"b\"}},{\"Id\":"
		     "\"b\"}]"),
		LOOK(SICK_WEB),
		{ watch_request(0, "1.41", false), NULL, SCRIPTED_BYTES_CLOSE,
		  stream_text() },
		{ 0 },
	};
	struct telling telling;
	size_t n;

	begin_telling(&telling, rows);
	docker_close_all(&telling.fixture);
	telling.fixture.engine.any_order = true;
	telling.fixture.engine.piece = 100;
	(void)buf_puts(&telling.heard, "x");
	assert_int_equal(buf_reserve(&telling.heard, 1 << 19), 0);
	faults_count();
	use_it_all(&telling);
	n = faults_end();
	assert_int_equal(telling.n_containers, 3);
	assert_int_equal(telling.n_events, 3);
	assert_true(n > 50);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		use_it_all(&telling);
		(void)faults_end();
	}
	docker_open(&telling.fixture, "docker", telling.fixture.engine.path);
	docker_end_early(&telling.fixture);
	buf_fini(&telling.heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_ends_of_a_stream),
		cmocka_unit_test(test_one_that_is_too_large_is_skipped),
		cmocka_unit_test(test_enough_in_the_middle),
		cmocka_unit_test(test_closing_with_an_open_stream),
		cmocka_unit_test(test_unwatched_before_it_began),
		cmocka_unit_test(test_a_podman_that_says_nothing_yet),
		cmocka_unit_test(test_podmans_word_on_health_is_not_the_last),
		cmocka_unit_test(test_another_version_at_the_next_stream),
		cmocka_unit_test(test_no_engine),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_a_refused_list),
		cmocka_unit_test(test_a_thousand_in_little_memory),
		cmocka_unit_test(test_a_list_of_which_one_has_enough),
		cmocka_unit_test(test_inspections),
		cmocka_unit_test(test_what_a_check_says_is_bounded),
		cmocka_unit_test(test_removals),
		cmocka_unit_test(test_volumes_only_when_asked_for),
		cmocka_unit_test(test_memory_runs_out),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
