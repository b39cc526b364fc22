/* SPDX-License-Identifier: Apache-2.0 */
/* model: what 100,000 hosts in 2,000 projects cost, and that one more edit
 * costs the same as with one. */
#include "support/cmocka.h"

#include <malloc.h>
#include <stdlib.h>
#include <time.h>
#include "base/mem.h"
#include "registry_kit.h"

#define N_PROJECTS 2000
#define N_HOSTS    50 /* of each */

static size_t n_bytes, n_blocks;

static void *counting(void *context, void *pointer, size_t size)
{
	size_t before = pointer ? malloc_usable_size(pointer) + 8 : 0;

	n_bytes -= before;
	n_blocks -= pointer != NULL;
	if (size == 0) {
		free(pointer);
		return NULL;
	}
	pointer = realloc(pointer, size);
	n_bytes += malloc_usable_size(pointer) + 8;
	n_blocks++;
	return pointer;
}

static struct object *make(struct model_tx *tx, enum kind kind,
                           const struct assignment *assignments, size_t n)
{
	struct object *object = NULL;
	struct err err;

	if (model_create(tx, kind, assignments, n, &object, &err) < 0)
		fail_msg("%s", err.message);
	return object;
}
#define MAKE(tx, kind, ...)                                  \
	make(tx, kind, (struct assignment[]){ __VA_ARGS__ }, \
	     ARRAY_SIZE(((struct assignment[]){ __VA_ARGS__ })))

static void fill_project(struct model_tx *tx, struct object *service,
                         struct object *shard, int i)
{
	struct object *project, *farm;
	char name[80];

	(void)snprintf(name, sizeof(name), "project-%04d", i);
	project = MAKE(tx, KIND_PROJECT, { PROJECT_NAME, { .text = name } },
	               { PROJECT_SERVICE, { .object = service } },
	               { PROJECT_SHARD, { .object = shard } });
	farm = MAKE(tx, KIND_FARM, { FARM_NAME, { .text = name } },
	            { FARM_PROJECT, { .object = project } });
	(void)MAKE(tx, KIND_EXPORTER, { EXPORTER_JOB, { .text = "node" } },
	           { EXPORTER_PROJECT, { .object = project } },
	           { EXPORTER_PORT, { .number = 9100 } });
	(void)MAKE(tx, KIND_EXPORTER, { EXPORTER_JOB, { .text = "nginx" } },
	           { EXPORTER_PROJECT, { .object = project } },
	           { EXPORTER_PORT, { .number = 9113 } });
	for (int host = 0; host < N_HOSTS; host++) {
		(void)snprintf(name, sizeof(name), "web-%02d.p%04d.example.com",
		               host, i);
		(void)MAKE(tx, KIND_HOST, { HOST_NAME, { .text = name } },
		           { HOST_FARM, { .object = farm } });
	}
}

static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void test_size(void **state)
{
	struct object *service = NULL, *shard;
	struct model_tx *tx;
	struct model *model;
	struct err err;
	double start = seconds(), made, undone;

	mem_set_allocator(counting, NULL);
	model = model_new(1);
	tx = model_begin(model, KIT_NOW);
	shard = kit_make(tx, KIND_SHARD, "{\"name\": \"Default\"}");
	service = kit_make(tx, KIND_SERVICE, "{\"name\": \"shop\"}");
	for (int i = 0; i < N_PROJECTS; i++)
		fill_project(tx, service, shard, i);
	model_commit(tx);
	made = seconds();
	print_message("%u hosts: %zu bytes in %zu blocks; made in %.3f s\n",
	              model_count(model, KIND_HOST), n_bytes, n_blocks,
	              made - start);
	assert_int_equal(model_count(model, KIND_HOST), N_PROJECTS * N_HOSTS);
	assert_true(n_bytes < 40000000);

	tx = model_begin(model, KIT_NOW);
	assert_int_equal(model_delete(tx, shard, &err), 0);
	assert_int_equal(model_count(model, KIND_HOST), 0);
	model_rollback(tx);
	undone = seconds();
	assert_int_equal(model_count(model, KIND_HOST), N_PROJECTS * N_HOSTS);
	print_message("all deleted and undone in %.3f s\n", undone - made);
	for (int i = 0; i < 10000; i++) {
		tx = model_begin(model, KIT_NOW);
		(void)MAKE(tx, KIND_HOST, { HOST_NAME, { .text = "one-more" } },
		           { HOST_FARM,
		             { .object = model_find(model, KIND_FARM, 7) } });
		model_rollback(tx);
	}
	print_message("an edit, undone: %.2f us\n",
	              (seconds() - undone) / 10000 * 1e6);
	kit_check(model);
	model_free(model);
	assert_int_equal(n_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
