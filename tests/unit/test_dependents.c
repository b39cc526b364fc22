/* SPDX-License-Identifier: Apache-2.0 */
/* dependents: who is restarted after whom, and in which order. */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>
#include "core/dependents.h"

#define N_MAX 12

#define COMPOSE(service, depends)                                     \
	.labels =                                                     \
		(const struct container_label[]){                     \
			{ "com.docker.compose.project", "shop" },     \
			{ "com.docker.compose.service", service },    \
			{ "com.docker.compose.depends_on", depends }, \
		},                                                    \
	.n_labels = 3
#define NAMES(names)                                     \
	.labels =                                        \
		(const struct container_label[]){        \
			{ "bouncer.depends_on", names }, \
		},                                       \
	.n_labels = 1
#define RUNS(the_id, the_name, ...)                                          \
	{                                                                    \
		.id = the_id, .name = the_name, .status = CONTAINER_RUNNING, \
		.image = "", .project = "", __VA_ARGS__                      \
	}
/* without a trailing comma in initialisers */
#define PLAIN .output = ""

/* "b:namespace:1 c:label:2": @root is restarted. */
static void check(const struct container *containers, size_t n,
                  const char *root, const char *expected)
{
	static const char *const reasons[] = {
		[DEPENDENTS_NAMESPACE] = "namespace",
		[DEPENDENTS_COMPOSE] = "compose",
		[DEPENDENTS_LABEL] = "label",
		[DEPENDENTS_RECREATE] = "recreate",
	};
	const struct container *all[N_MAX];
	struct dependent out[N_MAX];
	char text[1000] = "";
	size_t n_text = 0;
	size_t n_out;

	assert_true(n <= N_MAX);
	for (size_t i = 0; i < n; i++)
		all[i] = &containers[i];
	n_out = dependents_of(all, n, NULL, root, "bouncer.depends_on", out,
	                      N_MAX);
	for (size_t i = 0; i < n_out; i++)
		n_text += (size_t)snprintf(
			text + n_text, sizeof(text) - n_text, "%s%s:%s:%u",
			i ? " " : "", out[i].container->name,
			reasons[out[i].reason], out[i].depth);
	assert_string_equal(text, expected);
}

static void test_namespaces(void **state)
{
	const struct container all[] = {
		RUNS("i1", "vpn", PLAIN),
		RUNS("i2", "web", .network_of = "i1"),
		RUNS("i3", "tool", .pid_of = "vpn"),
		RUNS("i4", "ipc", .ipc_of = "i1"),
		RUNS("i5", "other", .network_of = "i2x"),
		RUNS("i6", "alone", PLAIN),
		{ .id = "i7",
		  .name = "down",
		  .network_of = "i1",
		  .status = CONTAINER_EXITED },
		RUNS("i8", "left-alone", .network_of = "i1", .opted_out = true),
	};

	check(all, ARRAY_SIZE(all), "vpn",
	      "web:namespace:1 tool:namespace:1 ipc:namespace:1");
	check(all, ARRAY_SIZE(all), "alone", "");
	check(all, ARRAY_SIZE(all), "nobody", "");
}

/* Of whom nothing tells who the parent was. */
static void test_gone(void **state)
{
	const struct container all[] = {
		RUNS("i1", "vpn", PLAIN),
		RUNS("i2", "web", .network_of = "i1"),
		RUNS("i3", "old", .network_of = "i0"),
		RUNS("i4", "tool", .network_of = "i1", .pid_of = "vpn",
		     .ipc_of = "i9"),
	};
	const struct container *list[] = { &all[0], &all[1], &all[2], &all[3] };

	assert_null(dependents_gone(list, 4, &all[0]));
	assert_null(dependents_gone(list, 4, &all[1]));
	assert_string_equal(dependents_gone(list, 4, &all[2]), "i0");
	assert_string_equal(dependents_gone(list, 4, &all[3]), "i9");
	assert_string_equal(dependents_gone(NULL, 0, &all[1]), "i1");
	check(all, ARRAY_SIZE(all), "vpn", "web:namespace:1 tool:recreate:1");
}

static void test_by_id(void **state)
{
	const struct container all[] = {
		RUNS("i0", "i1", PLAIN),
		RUNS("i1", "vpn", PLAIN),
		RUNS("i2", "web", .network_of = "i1"),
	};
	const struct container *list[] = { &all[0], &all[1], &all[2] };
	struct dependent out[2];

	/* the id goes before a name, also of one that is called so */
	assert_int_equal(dependents_of(list, 3, "i1", "other", NULL, out, 2),
	                 1);
	assert_ptr_equal(out[0].container, &all[2]);
	/* without a label nobody names a parent */
	assert_int_equal(dependents_of(list, 3, NULL, NULL, NULL, out, 2), 0);
}

static void test_chain(void **state)
{
	const struct container all[] = {
		RUNS("i3", "c", .network_of = "i2"),
		RUNS("i2", "b", .network_of = "i1"),
		RUNS("i1", "a", PLAIN),
	};

	check(all, ARRAY_SIZE(all), "a", "b:namespace:1 c:namespace:2");
	check(all, ARRAY_SIZE(all), "b", "c:namespace:1");
}

/* One that is found early, and waits for one that is found late. */
static void test_diamond(void **state)
{
	const struct container all[] = {
		RUNS("i1", "a", PLAIN),        RUNS("i5", "e", NAMES("d, a")),
		RUNS("i4", "d", NAMES("b,c")), RUNS("i3", "c", NAMES("a")),
		RUNS("i2", "b", NAMES(" a ")),
	};

	check(all, ARRAY_SIZE(all), "a",
	      "c:label:1 b:label:1 d:label:2 e:label:3");
}

static void test_circles(void **state)
{
	const struct container all[] = {
		RUNS("i1", "a", NAMES("c")),
		RUNS("i2", "b", NAMES("a,b")),
		RUNS("i3", "c", NAMES("b,d")),
		RUNS("i4", "d", NAMES("c")),
	};

	check(all, ARRAY_SIZE(all), "a", "b:label:1 c:label:2 d:label:3");
}

static void test_compose(void **state)
{
	const struct container all[] = {
		RUNS("i1", "shop-db-1", COMPOSE("db", "")),
		RUNS("i2", "shop-web-1",
		     COMPOSE("web", "db:service_healthy:true,"
		                    "cache:service_started:false")),
		RUNS("i3", "shop-job-1",
		     COMPOSE("job", "db:service_started:false")),
		RUNS("i4", "shop-old-1", COMPOSE("old", "db,web")),
		RUNS("i5", "shop-cache-1", COMPOSE("cache", "")),
		RUNS("i6", "shop-half-1", COMPOSE("half", "db:,,:true:,db")),
		RUNS("i7", "shop-late-1",
		     COMPOSE("late", "x:y:true, web:service_started:TRUE")),
		RUNS("i8", "else-web-1",
		     .labels =
		             (const struct container_label[]){
				     { "com.docker.compose.project", "else" },
				     { "com.docker.compose.depends_on",
		                       "db:service_healthy:true" },
			     },
		     .n_labels = 2),
	};

	check(all, ARRAY_SIZE(all), "shop-db-1",
	      "shop-web-1:compose:1 shop-late-1:compose:2");
	check(all, ARRAY_SIZE(all), "shop-cache-1", "");
}

/* Its parent was made anew: it holds the namespace of one that is gone. */
static void test_orphans(void **state)
{
	const struct container all[] = {
		RUNS("new", "shop-vpn-1", COMPOSE("vpn", "")),
		RUNS("i2", "shop-web-1",
		     COMPOSE("web", "vpn:service_started:false"),
		     .network_of = "old"),
		{ .id = "i3",
		  .name = "down",
		  .status = CONTAINER_EXITED,
		  .network_of = "old",
		  NAMES("shop-vpn-1") },
		/* who hangs on an orphan is not restarted */
		RUNS("i4", "sidecar", .network_of = "i2"),
		/* nothing says that this is about the vpn */
		RUNS("i5", "stranger", .network_of = "gone"),
	};

	check(all, ARRAY_SIZE(all), "shop-vpn-1",
	      "shop-web-1:recreate:1 down:recreate:1");
}

static void test_too_many(void **state)
{
	const struct container all[] = {
		RUNS("i1", "a", PLAIN),
		RUNS("i2", "b", .network_of = "a"),
		RUNS("i3", "c", .network_of = "a"),
		RUNS("i4", "d", .network_of = "a"),
	};
	const struct container *list[] = { &all[0], &all[1], &all[2], &all[3] };
	struct dependent out[2];

	assert_int_equal(dependents_of(list, 4, "i1", "a", NULL, out, 2), 2);
	assert_int_equal(dependents_of(list, 4, "i1", "a", NULL, out, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_by_id),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_diamond),
		cmocka_unit_test(test_circles),
		cmocka_unit_test(test_compose),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("dependents", tests, NULL, NULL);
}
