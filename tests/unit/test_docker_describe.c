/* SPDX-License-Identifier: Apache-2.0 */
/* docker_describe and docker_event: documents as engines of all ages really
 * send them, and what no engine should. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include "proto/docker_describe.h"
#include "proto/docker_event.h"
#include "proto/json.h"

static struct json_t *parse(const char *text)
{
	struct json_t *root;
	struct err err;

	if (json_parse(slice_from(text), &root, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return root;
}

static const char *text_of(struct slice slice)
{
	static char text[256];

	(void)snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(slice));
	return text;
}

/* --- lists -------------------------------------------------------------- */

#define LISTED(more) "{\"Id\":\"c0ffee\",\"Names\":[\"/web\"]," more "}"

static const struct {
	const char *text;
	bool podman;
	enum docker_status status;
	enum docker_health health;
	uint32_t n_streak;
	int64_t exit_code;
} listed[] = {
	/* Docker 20.10 to 28: health is in the words */
	{ LISTED("\"State\":\"running\",\"Status\":\"Up 2 minutes\""), false,
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_NONE, 0, -1 },
	{ LISTED("\"State\":\"running\","
	         "\"Status\":\"Up 2 minutes (unhealthy)\""),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_UNHEALTHY, 0, -1 },
	{ LISTED("\"State\":\"running\",\"Status\":\"Up 2 hours (healthy)\""),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_HEALTHY, 0, -1 },
	{ LISTED("\"State\":\"running\","
	         "\"Status\":\"Up 1 second (health: starting)\""),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_STARTING, 0, -1 },
	{ LISTED("\"State\":\"paused\",\"Status\":\"Up 2 hours (Paused)\""),
	  false, DOCKER_STATUS_PAUSED, DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":\"exited\","
	         "\"Status\":\"Exited (137) 5 minutes ago\""),
	  false, DOCKER_STATUS_EXITED, DOCKER_HEALTH_UNSAID, 0, 137 },
	{ LISTED("\"State\":\"exited\",\"Status\":\"Exited (-1) now\""), false,
	  DOCKER_STATUS_EXITED, DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":\"exited\",\"Status\":\"Exited (0\""), false,
	  DOCKER_STATUS_EXITED, DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":\"created\",\"Status\":\"Created\""), false,
	  DOCKER_STATUS_OTHER, DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":\"restarting\","
	         "\"Status\":\"Restarting (1) 3 seconds ago\""),
	  false, DOCKER_STATUS_RESTARTING, DOCKER_HEALTH_UNSAID, 0, -1 },
	/* from API 1.52 on an object */
	{ LISTED("\"State\":\"running\",\"Status\":\"Up 2 minutes\","
	         "\"Health\":{\"Status\":\"unhealthy\",\"FailingStreak\":7}"),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_UNHEALTHY, 7, -1 },
	{ LISTED("\"State\":\"running\",\"Status\":\"Up 2 minutes\","
	         "\"Health\":{\"Status\":\"none\",\"FailingStreak\":0}"),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_NONE, 0, -1 },
	{ LISTED("\"State\":\"running\",\"Status\":\"Up\",\"Health\":null"),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_NONE, 0, -1 },
	{ LISTED("\"State\":\"running\",\"Health\":{\"Status\":\"starting\","
	         "\"FailingStreak\":-3}"),
	  false, DOCKER_STATUS_RUNNING, DOCKER_HEALTH_STARTING, 0, -1 },
	/* Podman before 5: no word of it */
	{ LISTED("\"State\":\"running\",\"Status\":\"Up 2 minutes\""), true,
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":\"stopped\",\"Status\":\"Exited (3) now\""), true,
	  DOCKER_STATUS_EXITED, DOCKER_HEALTH_UNSAID, 0, 3 },
	{ LISTED("\"State\":\"stopping\",\"Status\":\"\""), true,
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_UNSAID, 0, -1 },
	/* nonsense */
	{ LISTED("\"State\":7,\"Status\":[],\"Health\":\"unhealthy\""), false,
	  DOCKER_STATUS_OTHER, DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":null,\"Status\":null"), false, DOCKER_STATUS_OTHER,
	  DOCKER_HEALTH_UNSAID, 0, -1 },
	{ LISTED("\"State\":\"levitating\""), false, DOCKER_STATUS_OTHER,
	  DOCKER_HEALTH_UNSAID, 0, -1 },
};

static void test_listed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(listed); i++) {
		struct json_t *root = parse(listed[i].text);
		struct docker_description found;

		assert_int_equal(docker_describe_listed(root, listed[i].podman,
		                                        &found, NULL),
		                 0);
		assert_string_equal(found.id, "c0ffee");
		assert_string_equal(found.name, "web");
		if (found.status != listed[i].status ||
		    found.health != listed[i].health ||
		    found.n_streak != listed[i].n_streak ||
		    found.exit_code != listed[i].exit_code)
			fail_msg("%s: %d %d %u %" PRId64, listed[i].text,
			         (int)found.status, (int)found.health,
			         found.n_streak, found.exit_code);
		json_free(root);
	}
}

static void test_listed_words(void **state)
{
	struct json_t *root = parse(
		"{\"Id\":\"c0ffee\",\"Names\":[\"/other/alias\",\"/web\"],"
		"\"Image\":\"nginx:1\",\"Created\":1700000000,\"Labels\":"
		"{\"a\":\"1\",\"b\":null},\"HostConfig\":{\"NetworkMode\":"
		"\"container:beef\"},\"State\":\"stopping\",\"New\":[{}]}");
	struct docker_description found;

	assert_int_equal(docker_describe_listed(root, true, &found, NULL), 0);
	assert_string_equal(found.name, "web");
	assert_string_equal(found.image, "nginx:1");
	assert_true(found.stopping);
	assert_int_equal(found.created_ms, 1700000000000);
	assert_int_equal(json_n_members(found.labels), 2);
	assert_string_equal(text_of(docker_mode_container(found.network_mode)),
	                    "beef");
	json_free(root);
}

static void test_names(void **state)
{
	static const struct {
		const char *names;
		const char *name;
	} names[] = {
		{ "[]", "" },
		{ "null", "" },
		{ "[\"\"]", "" },
		{ "[\"/\"]", "" },
		{ "[\"web\"]", "web" }, /* Podman's, sometimes */
		{ "[7,\"/web\"]", "web" },
		{ "[\"/a/b\"]", "" },
		{ "[\"/we\\u0000b\"]", "" },
		{ "{\"0\":\"/web\"}", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char text[256];
		struct docker_description found;
		struct json_t *root;

		(void)snprintf(text, sizeof(text),
		               "{\"Id\":\"c0ffee\",\"Names\":%s}",
		               names[i].names);
		root = parse(text);
		assert_int_equal(
			docker_describe_listed(root, false, &found, NULL), 0);
		assert_string_equal(found.name, names[i].name);
		json_free(root);
	}
}

static void test_no_container(void **state)
{
	static const char *const texts[] = {
		"null",
		"[]",
		"7",
		"{}",
		"{\"Id\":7}",
		"{\"Id\":\"\"}",
		"{\"Id\":\"../x\"}",
		"{\"message\":\"no\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json_t *root = parse(texts[i]);
		struct docker_description found;
		struct err err;

		assert_int_equal(
			docker_describe_listed(root, false, &found, &err),
			-EINVAL);
		assert_non_null(strstr(err.message, "it has no Id"));
		assert_int_equal(docker_describe_inspected(root, &found, &err),
		                 -EINVAL);
		json_free(root);
	}
}

/* --- inspections -------------------------------------------------------- */

static const char docker_20[] =
	"{\"Id\":\"c0ffee\",\"Created\":\"2026-11-21T06:18:22.088721732Z\","
	"\"Name\":\"/web\",\"Image\":\"sha256:67f0\",\"RestartCount\":0,"
	"\"State\":{\"Status\":\"running\",\"Running\":true,\"Paused\":false,"
	"\"OOMKilled\":false,\"ExitCode\":0,\"Error\":\"\","
	"\"StartedAt\":\"2026-11-21T06:18:25.667245438Z\","
	"\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"Health\":{"
	"\"Status\":\"unhealthy\",\"FailingStreak\":4,\"Log\":["
	"{\"Start\":\"x\",\"End\":\"y\",\"ExitCode\":1,\"Output\":\"old\"},"
	"{\"Start\":\"x\",\"End\":\"y\",\"ExitCode\":-1,\"Output\":"
	"\"Health check exceeded timeout\\n\"},"
	"{\"Start\":\"x\",\"End\":\"y\",\"ExitCode\":0,\"Output\":\"ok\"}]}},"
	"\"HostConfig\":{\"NetworkMode\":\"container:beef\","
	"\"PidMode\":\"container:dead\",\"IpcMode\":\"private\","
	"\"RestartPolicy\":{\"Name\":\"unless-stopped\"},"
	"\"AutoRemove\":false},"
	"\"Config\":{\"Image\":\"nginx:1\",\"Labels\":{\"a\":\"b\"},"
	"\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}}";

static void test_inspected(void **state)
{
	struct json_t *root = parse(docker_20);
	struct docker_description found;

	assert_int_equal(docker_describe_inspected(root, &found, NULL), 0);
	assert_string_equal(found.id, "c0ffee");
	assert_string_equal(found.name, "web");
	assert_string_equal(found.image, "nginx:1");
	assert_int_equal(json_n_members(found.labels), 1);
	assert_int_equal(found.status, DOCKER_STATUS_RUNNING);
	assert_int_equal(found.health, DOCKER_HEALTH_UNHEALTHY);
	assert_int_equal(found.n_streak, 4);
	assert_int_equal(found.created_ms, 1795241902088);
	assert_int_equal(found.started_ms, 1795241905667);
	assert_int_equal(found.finished_ms, 0);
	assert_int_equal(found.exit_code, -1);
	assert_int_equal(found.check_exit_code, -1);
	assert_string_equal(text_of(found.output),
	                    "Health check exceeded timeout\n");
	assert_string_equal(text_of(docker_mode_container(found.network_mode)),
	                    "beef");
	assert_string_equal(text_of(docker_mode_container(found.pid_mode)),
	                    "dead");
	assert_null(docker_mode_container(found.ipc_mode).p);
	assert_int_equal(found.policy, DOCKER_POLICY_UNLESS_STOPPED);
	assert_false(found.own_action);
	json_free(root);
}

#define STATE(state) "{\"Id\":\"c0ffee\",\"State\":{" state "}}"
#define CHECKED(state)                         \
	"{\"Id\":\"c0ffee\",\"State\":{" state \
	"},\"Config\":{\"Healthcheck\":{\"Test\":[\"CMD\"]}}}"

static const struct {
	const char *text;
	enum docker_status status;
	enum docker_health health;
	bool stopping;
	int64_t exit_code;
} inspected[] = {
	{ STATE("\"Status\":\"running\""), DOCKER_STATUS_RUNNING,
	  DOCKER_HEALTH_NONE, false, -1 },
	{ STATE("\"Status\":\"running\",\"Health\":null"),
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_NONE, false, -1 },
	{ STATE("\"Status\":\"running\",\"Health\":{\"Status\":\"none\"}"),
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_NONE, false, -1 },
	/* Podman: the member is always there, and empty at first */
	{ STATE("\"Status\":\"running\",\"Health\":{\"Status\":\"\"}"),
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_NONE, false, -1 },
	{ CHECKED("\"Status\":\"running\",\"Health\":{\"Status\":\"\"}"),
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_STARTING, false, -1 },
	{ CHECKED("\"Status\":\"running\",\"Health\":{\"Status\":\"stopped\"}"),
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_UNSAID, false, -1 },
	{ CHECKED("\"Status\":\"stopping\",\"ExitCode\":3,"
	          "\"Health\":{\"Status\":\"healthy\"}"),
	  DOCKER_STATUS_RUNNING, DOCKER_HEALTH_HEALTHY, true, -1 },
	{ STATE("\"Status\":\"stopped\",\"ExitCode\":3"), DOCKER_STATUS_EXITED,
	  DOCKER_HEALTH_NONE, false, 3 },
	{ STATE("\"Status\":\"exited\",\"ExitCode\":137"), DOCKER_STATUS_EXITED,
	  DOCKER_HEALTH_NONE, false, 137 },
	{ STATE("\"Status\":\"exited\",\"ExitCode\":\"137\""),
	  DOCKER_STATUS_EXITED, DOCKER_HEALTH_NONE, false, -1 },
	{ "{\"Id\":\"c0ffee\",\"State\":[]}", DOCKER_STATUS_OTHER,
	  DOCKER_HEALTH_NONE, false, -1 },
	{ "{\"Id\":\"c0ffee\"}", DOCKER_STATUS_OTHER, DOCKER_HEALTH_NONE, false,
	  -1 },
};

static void test_inspected_states(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(inspected); i++) {
		struct json_t *root = parse(inspected[i].text);
		struct docker_description found;

		assert_int_equal(docker_describe_inspected(root, &found, NULL),
		                 0);
		if (found.status != inspected[i].status ||
		    found.health != inspected[i].health ||
		    found.stopping != inspected[i].stopping ||
		    found.exit_code != inspected[i].exit_code)
			fail_msg("%s: %d %d %" PRId64, inspected[i].text,
			         (int)found.status, (int)found.health,
			         found.exit_code);
		json_free(root);
	}
}

static void test_podmans_own_action(void **state)
{
	static const struct {
		const char *action;
		bool own;
	} actions[] = { { "none", false }, { "", false },
		        { "kill", true },  { "restart", true },
		        { "stop", true },  { "invalid", false } };

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		char text[256];
		struct docker_description found;
		struct json_t *root;

		(void)snprintf(text, sizeof(text),
		               "{\"Id\":\"c0ffee\",\"Name\":\"web\","
		               "\"State\":{\"StoppedByUser\":true},\"Config\":"
		               "{\"HealthcheckOnFailureAction\":\"%s\"}}",
		               actions[i].action);
		root = parse(text);
		assert_int_equal(docker_describe_inspected(root, &found, NULL),
		                 0);
		assert_int_equal(found.own_action, actions[i].own);
		assert_string_equal(found.name, "web");
		assert_true(found.stopped_by_hand);
		json_free(root);
	}
}

/* --- events ------------------------------------------------------------- */

#define EVENT(action, more)                                          \
	"{\"Type\":\"container\",\"Action\":\"" action               \
	"\",\"Actor\":{\"ID\":\"c0ffee\",\"Attributes\":{\"name\":"  \
	"\"web\"" more "}},\"scope\":\"local\",\"time\":1795241904," \
	"\"timeNano\":1795241904464315520}"
#define PODMAN(action, more)                                            \
	"{\"status\":\"" action "\",\"id\":\"c0ffee\",\"from\":\"bb\"," \
	"\"Type\":\"container\",\"Action\":\"" action                   \
	"\",\"Actor\":{\"ID\":\"c0ffee\",\"Attributes\":{"              \
	"\"containerExitCode\":\"9\",\"name\":\"web\",\"podId\":\"\"}}" \
	",\"scope\":\"local\",\"time\":1795241904,"                     \
	"\"timeNano\":1795241904464315520" more "}"

static const struct {
	const char *text;
	enum docker_event_kind kind;
	enum docker_health health;
	int64_t exit_code;
} events[] = {
	{ EVENT("create", ""), DOCKER_EVENT_CREATED, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("start", ""), DOCKER_EVENT_STARTED, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("health_status: unhealthy", ""), DOCKER_EVENT_HEALTH,
	  DOCKER_HEALTH_UNHEALTHY, -1 },
	{ EVENT("health_status: healthy", ""), DOCKER_EVENT_HEALTH,
	  DOCKER_HEALTH_HEALTHY, -1 },
	{ EVENT("health_status:starting", ""), DOCKER_EVENT_HEALTH,
	  DOCKER_HEALTH_STARTING, -1 },
	{ EVENT("health_status: odd", ""), DOCKER_EVENT_HEALTH,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("health_status", ""), DOCKER_EVENT_HEALTH, DOCKER_HEALTH_UNSAID,
	  -1 },
	{ EVENT("die", ",\"exitCode\":\"137\""), DOCKER_EVENT_ENDED,
	  DOCKER_HEALTH_UNSAID, 137 },
	{ EVENT("die", ",\"exitCode\":3"), DOCKER_EVENT_ENDED,
	  DOCKER_HEALTH_UNSAID, 3 },
	{ EVENT("die", ""), DOCKER_EVENT_ENDED, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("kill", ",\"signal\":\"15\""), DOCKER_EVENT_ASKED,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("kill", ",\"signal\":\"SIGTERM\""), DOCKER_EVENT_ASKED,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("kill", ""), DOCKER_EVENT_ASKED, DOCKER_HEALTH_UNSAID, -1 },
	/* asked to read its configuration, not to end */
	{ EVENT("kill", ",\"signal\":\"1\""), DOCKER_EVENT_OTHER,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("kill", ",\"signal\":\"SIGUSR1\""), DOCKER_EVENT_OTHER,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("stop", ""), DOCKER_EVENT_ASKED, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("pause", ""), DOCKER_EVENT_PAUSED, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("unpause", ""), DOCKER_EVENT_RESUMED, DOCKER_HEALTH_UNSAID,
	  -1 },
	{ EVENT("rename", ",\"oldName\":\"/old\""), DOCKER_EVENT_CHANGED,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("update", ""), DOCKER_EVENT_CHANGED, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("destroy", ""), DOCKER_EVENT_REMOVED, DOCKER_HEALTH_UNSAID,
	  -1 },
	{ EVENT("exec_create: sh -c true", ""), DOCKER_EVENT_OTHER,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("exec_die", ",\"exitCode\":\"1\""), DOCKER_EVENT_OTHER,
	  DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("startle", ""), DOCKER_EVENT_OTHER, DOCKER_HEALTH_UNSAID, -1 },
	{ EVENT("", ""), DOCKER_EVENT_OTHER, DOCKER_HEALTH_UNSAID, -1 },
	/* Podman */
	{ PODMAN("health_status", ",\"HealthStatus\":\"unhealthy\""),
	  DOCKER_EVENT_HEALTH, DOCKER_HEALTH_UNHEALTHY, -1 },
	{ PODMAN("health_status", ",\"HealthStatus\":null"),
	  DOCKER_EVENT_HEALTH, DOCKER_HEALTH_UNSAID, -1 },
	{ PODMAN("died", ""), DOCKER_EVENT_ENDED, DOCKER_HEALTH_UNSAID, 9 },
	{ PODMAN("die", ""), DOCKER_EVENT_ENDED, DOCKER_HEALTH_UNSAID, 9 },
	{ PODMAN("remove", ""), DOCKER_EVENT_REMOVED, DOCKER_HEALTH_UNSAID,
	  -1 },
	{ PODMAN("cleanup", ""), DOCKER_EVENT_OTHER, DOCKER_HEALTH_UNSAID, -1 },
};

static void test_events(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct docker_event found;

		assert_int_equal(
			docker_event_parse(slice_from(events[i].text), &found),
			0);
		if (found.kind != events[i].kind ||
		    found.health != events[i].health ||
		    found.exit_code != events[i].exit_code)
			fail_msg("%s: %d %d %" PRId64, events[i].text,
			         (int)found.kind, (int)found.health,
			         found.exit_code);
		assert_string_equal(found.id, "c0ffee");
		assert_string_equal(found.name, "web");
		assert_int_equal(found.time_ns, 1795241904464315520);
	}
}

static void test_odd_events(void **state)
{
	static const struct {
		const char *text;
		enum docker_event_kind kind;
		int64_t time_ns;
	} odd[] = {
		/* before there was an Actor */
		{ "{\"status\":\"start\",\"id\":\"c0ffee\",\"time\":17}",
		  DOCKER_EVENT_STARTED, 17000000000 },
		{ "{\"Action\":\"start\",\"Actor\":{\"ID\":\"c0ffee\"}}",
		  DOCKER_EVENT_STARTED, 0 },
		{ "{\"Action\":\"start\",\"Actor\":{\"ID\":\"c0ffee\"},"
		  "\"timeNano\":\"x\",\"time\":1e30}",
		  DOCKER_EVENT_STARTED, 0 },
		{ "{\"Type\":\"image\",\"Action\":\"create\",\"Actor\":{"
		  "\"ID\":\"c0ffee\"}}",
		  DOCKER_EVENT_OTHER, 0 },
		{ "{\"Type\":\"container\",\"Action\":\"start\"}",
		  DOCKER_EVENT_OTHER, 0 },
		{ "{\"Action\":\"start\",\"Actor\":{\"ID\":\"../x\"}}",
		  DOCKER_EVENT_OTHER, 0 },
		{ "{\"Action\":[\"start\"],\"id\":\"c0ffee\"}",
		  DOCKER_EVENT_OTHER, 0 },
		/* where it does not belong */
		{ "[{\"Action\":\"start\",\"id\":\"c0ffee\"}]",
		  DOCKER_EVENT_OTHER, 0 },
		{ "{\"Actor\":[{\"ID\":\"c0ffee\"}],\"Action\":\"start\"}",
		  DOCKER_EVENT_OTHER, 0 },
		{ "{\"Action\":\"start\",\"Actor\":{\"ID\":\"c0ffee\","
		  "\"Attributes\":{\"Action\":\"die\",\"a\":{\"name\":"
		  "\"x\"}}},\"x\":{\"Action\":\"die\",\"id\":\"y\"}}",
		  DOCKER_EVENT_STARTED, 0 },
		/* the last one counts; null is nothing */
		{ "{\"Action\":\"die\",\"id\":\"c0ffee\",\"Action\":"
		  "\"start\"}",
		  DOCKER_EVENT_STARTED, 0 },
		{ "{\"Action\":null,\"status\":\"start\",\"id\":\"c0ffee\"}",
		  DOCKER_EVENT_STARTED, 0 },
		{ "{}", DOCKER_EVENT_OTHER, 0 },
		{ "[]", DOCKER_EVENT_OTHER, 0 },
		{ "null", DOCKER_EVENT_OTHER, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct docker_event found;

		assert_int_equal(
			docker_event_parse(slice_from(odd[i].text), &found), 0);
		if (found.kind != odd[i].kind ||
		    found.time_ns != odd[i].time_ns)
			fail_msg("%s: %d", odd[i].text, (int)found.kind);
		assert_string_equal(found.name, "");
	}
}

static void test_no_events(void **state)
{
	static const char *const texts[] = { "", "{", "{\"Action\":}", "x",
		                             "{\"a\":\"\xff\"}" };
	struct docker_event found;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(
			docker_event_parse(slice_from(texts[i]), &found),
			-EINVAL);
}

/* What no engine has as a name is none; a label may be as long as it likes. */
static void test_long_texts(void **state)
{
	struct docker_event found;
	char text[2048];

	(void)snprintf(text, sizeof(text),
	               "{\"Action\":\"start\",\"Actor\":{\"ID\":\"c0ffee\","
	               "\"Attributes\":{\"label\":\"%01000d\",\"name\":"
	               "\"%0400d\"}}}",
	               0, 0);
	assert_int_equal(docker_event_parse(slice_from(text), &found), 0);
	assert_int_equal(found.kind, DOCKER_EVENT_STARTED);
	assert_string_equal(found.name, "");
	(void)snprintf(text, sizeof(text),
	               "{\"Action\":\"start\",\"id\":\"%0100d\"}", 7);
	assert_int_equal(docker_event_parse(slice_from(text), &found), 0);
	assert_int_equal(found.kind, DOCKER_EVENT_OTHER);
}

/* "health_status" makes prefixes of all actions: none may be one of exec_…,
 * which every health check causes three of. */
static void test_what_is_asked_for(void **state)
{
	static const char *const noise[] = { "exec_create", "exec_start",
		                             "exec_die",    "exec_detach",
		                             "attach",      "resize",
		                             "top",         "archive-path" };
	struct buf path;
	const char *at;

	buf_init(&path, 4096);
	docker_events_path(&path, 1795241904000000007, false);
	at = buf_text(&path);
	assert_non_null(strstr(at, "/events?since=1795241904.000000007&"
	                           "filters=%7B%22type%22%3A%5B%22container"));
	assert_null(strstr(at, "died"));
	at = strstr(at, "%22event%22%3A%5B%22");
	assert_non_null(at);
	for (at += strlen("%22event%22%3A%5B%22"); at;) {
		size_t n = strcspn(at, "%");

		assert_true(n > 0);
		for (size_t i = 0; i < ARRAY_SIZE(noise); i++)
			assert_int_not_equal(strncmp(noise[i], at, n), 0);
		at = strstr(at, "%2C%22");
		at = at ? at + strlen("%2C%22") : NULL;
	}
	buf_reset(&path);
	docker_events_path(&path, 0, true);
	assert_null(strstr(buf_text(&path), "since"));
	assert_non_null(strstr(buf_text(&path), "%22died%22"));
	assert_non_null(strstr(buf_text(&path), "%22remove%22"));
	buf_fini(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_listed_words),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_container),
		cmocka_unit_test(test_inspected),
		cmocka_unit_test(test_inspected_states),
		cmocka_unit_test(test_podmans_own_action),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_odd_events),
		cmocka_unit_test(test_no_events),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_what_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
