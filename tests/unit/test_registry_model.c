/* SPDX-License-Identifier: Apache-2.0 */
/* model: what is done in a transaction is there, or is not, as a whole. */
#include "support/cmocka.h"

#include <errno.h>
#include "registry/model/assign.h"
#include "registry/model/model.h"

#define NOW 1790000000

static struct object *make(struct model_tx *tx, enum kind kind,
                           const char *json)
{
	struct assignments given;
	struct json_t *root = NULL;
	struct object *object = NULL;
	struct err err = { 0 };
	int rc;

	assert_int_equal(json_parse(slice_from(json), &root, &err), 0);
	rc = assign_json(&given, model_of(tx), kind, root, 0, false);
	if (rc == 0)
		rc = model_create(tx, kind, given.items, given.n, &object,
		                  &given.err);
	if (rc < 0)
		print_message("%s\n", given.err.message);
	assert_int_equal(rc, 0);
	assignments_fini(&given);
	json_free(root);
	return object;
}

static void test_smoke(void **state)
{
	struct model *model = model_new(1);
	struct model_tx *tx = model_begin(model, NOW);
	struct object *farm, *host, *service;
	char title[OBJECT_TITLE_MAX];
	struct err err;
	size_t n;

	make(tx, KIND_SHARD, "{\"name\": \"Default\"}");
	service = make(tx, KIND_SERVICE, "{\"name\": \"shop\"}");
	make(tx, KIND_PROJECT,
	     "{\"name\": \"web\", \"service\": \"shop\", \"shard_id\": 1,"
	     " \"labels\": {\"team\": \"a\"}}");
	farm = make(tx, KIND_FARM, "{\"name\": \"f\", \"project\": \"web\"}");
	host = make(tx, KIND_HOST,
	            "{\"name\": \"[2001:DB8:0::1]\", \"farm\": \"web\"}");
	assert_string_equal(object_text(host, HOST_NAME), "2001:db8::1");
	assert_string_equal(object_title(host, title),
	                    "host 2001:db8::1 of project web");
	make(tx, KIND_EXPORTER,
	     "{\"job\": \"node\", \"port\": 9100, \"project\": \"web\"}");
	(void)model_records(tx, &n);
	assert_int_equal(n, 6);
	model_commit(tx);
	assert_int_equal(model_count(model, KIND_HOST), 1);
	assert_int_equal(object_n_children(farm, KIND_HOST, HOST_FARM), 1);

	tx = model_begin(model, NOW);
	assert_int_equal(model_delete(tx, service, &err), 0);
	(void)model_records(tx, &n);
	assert_int_equal(n, 5);
	assert_int_equal(model_count(model, KIND_HOST), 0);
	model_rollback(tx);
	assert_int_equal(model_count(model, KIND_HOST), 1);
	assert_ptr_equal(model_find_name(model, KIND_SERVICE, "shop"), service);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smoke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
