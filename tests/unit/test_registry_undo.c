/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: thousands of edits at random. What is undone leaves not a byte
 * behind; what is kept is what the records say; and what is loaded again from
 * them is the same model. The same with memory that runs out at each place.
 */
#include "support/cmocka.h"

#include <errno.h>
#include "base/mem.h"
#include "base/rng.h"
#include "registry_kit.h"
#include "support/faults.h"

#define MAX_ID  4000
#define N_TX    400
#define N_EDITS 30

static struct model *model;
static struct rng rng;
static char *stored[N_KINDS][MAX_ID]; /* what a store would have */

/* --- edits at random ------------------------------------------------------ */

static const char *pick(const char *const *words, size_t n)
{
	return words[rng_below(&rng, n)];
}
#define PICK(...)                                  \
	pick((const char *const[]){ __VA_ARGS__ }, \
	     ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

/* Few and alike, so that they meet; some that are refused. */
static const char *random_text(const struct field *field)
{
	if (field->check == check_duration)
		return PICK("", "30s", "5m", "1h30m", "5x");
	if (field->check == check_host || field->check == check_ip)
		return PICK("192.0.2.1", "192.0.2.2", "::1", "[::1]", "::2",
		            "192.0.2.3", "!");
	if (strcmp(field->name, "url") == 0)
		return PICK("http://a/", "https://b/x?y=z", "http://c");
	if (strcmp(field->name, "sender") == 0)
		return PICK("json", "slack", "ntfy", "pigeon");
	if (strcmp(field->name, "value") == 0)
		return PICK("http://a/", "http://b/", "https://c/d");
	if (strcmp(field->name, "path") == 0)
		return PICK("", "/metrics", "/probe?module=a");
	if (field->fallback)
		return PICK(field->fallback, field->fallback, "https", "all",
		            "!=", "local");
	if (strcmp(field->name, "hash") == 0)
		return PICK("0000000000000000000000000000000000000000000000000"
		            "000000000000000",
		            "1111111111111111111111111111111111111111111111111"
		            "111111111111111");
	if (strcmp(field->name, "scope") == 0)
		return PICK("read", "write", "admin");
	if (strstr(field->name, "interval") || strstr(field->name, "timeout"))
		return PICK("", "15s", "1m");
	return PICK("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
	            "m_n", "", "up == 0");
}

static struct object *random_object(enum kind kind)
{
	uint64_t n = model_count(model, kind);
	uint64_t at = rng_below(&rng, n);

	MODEL_FOR_EACH(object, model, kind)
	{
		if (at-- == 0)
			return object;
	}
	return NULL;
}

static int random_value(const struct field *field, union value *value,
                        struct err *err)
{
	struct label labels[3];
	struct label_set *set;

	switch (field->type) {
	case FIELD_TEXT:
		value->text = random_text(field);
		return 0;
	case FIELD_REF:
		value->object =
			rng_below(&rng, 3) || (field->flags & FIELD_REQUIRED)
				? random_object(field->to)
				: NULL;
		return 0;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
			labels[i] = (struct label){
				slice_from(PICK("x", "y", "z", "job")),
				slice_from(PICK("1", "2", "")),
			};
		if (label_set_new(labels, rng_below(&rng, 4),
		                  field->type == FIELD_PARAMS, &set, err) < 0)
			return -ENOMEM;
		value->labels = set;
		return 0;
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		break;
	}
	value->number = field->type == FIELD_NUMBER
	                        ? (int64_t)rng_below(&rng, 4) + 9099
	                        : (int64_t)rng_below(&rng, 2);
	return 0;
}

/* Some of the fields, or all that a new object needs. */
static size_t random_fields(enum kind kind, bool all,
                            struct assignment *assignments, int *rcp,
                            struct err *err)
{
	size_t n = 0;

	for (unsigned i = 0; i < kinds[kind].n_fields && *rcp == 0; i++) {
		const struct field *field = &kinds[kind].fields[i];
		bool needed = all && (field->flags & FIELD_REQUIRED);

		if (!needed && rng_below(&rng, 3))
			continue;
		assignments[n].field = i;
		*rcp = random_value(field, &assignments[n].value, err);
		n += *rcp == 0;
	}
	return n;
}

static void free_fields(enum kind kind, const struct assignment *assignments,
                        size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (kinds[kind].fields[assignments[i].field].type >=
		    FIELD_LABELS)
			mem_free((void *)assignments[i].value.labels);
	}
}

/* 0, or -ENOMEM; refusals are as good as edits. */
static int random_edit(struct model_tx *tx)
{
	enum kind kind = (enum kind)rng_below(&rng, N_KINDS);
	struct assignment assignments[KIND_MAX_FIELDS];
	struct object *object = random_object(kind);
	uint64_t what = rng_below(&rng, 20);
	struct err err = { 0 };
	int rc = 0;
	size_t n;

	if (object && what == 0)
		return model_delete(tx, object, &err);
	n = random_fields(kind, what > 10 || !object, assignments, &rc, &err);
	if (rc == 0 && object && what <= 10)
		rc = model_update(tx, object, assignments, n, &err);
	else if (rc == 0 && model_next_id(model, kind) < MAX_ID)
		rc = model_create(tx, kind, assignments, n, &object, &err);
	free_fields(kind, assignments, n);
	if (rc < 0) {
		assert_int_equal(err.code, rc);
		assert_true(err.message[0]);
	}
	return rc == -ENOMEM ? rc : 0;
}

/* --- what a store would have ---------------------------------------------- */

static char *dump(const struct model *of)
{
	struct buf out;

	buf_init(&out, 64 << 20);
	kit_dump(of, &out);
	return buf_take(&out);
}

static char *dump_values(enum kind kind, uint64_t id, const union value *values)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	kit_dump_values(kind, id, values, &out);
	return buf_take(&out);
}

/* Does each say what was, and what is now? */
static void store_records(const struct model_tx *tx)
{
	const struct record *records;
	size_t n;

	records = model_records(tx, &n);
	for (size_t i = 0; i < n; i++) {
		const struct record *record = &records[i];
		char **place = &stored[record->kind][record->id];

		assert_int_equal(record->op == RECORD_CREATED, !record->old);
		assert_int_equal(record->op == RECORD_DELETED, !record->new);
		assert_int_equal(record->op == RECORD_CREATED, !*place);
		mem_free(*place);
		*place = record->new ? dump_values(record->kind, record->id,
		                                   record->new)
		                     : NULL;
	}
}

/* Names of refs are as they were then: only what is its own counts. */
static void assert_stored(void)
{
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		for (uint64_t id = 0; id < MAX_ID; id++)
			assert_int_equal(
				stored[kind][id] != NULL,
				model_find(model, (enum kind)kind, id) != NULL);
	}
}

static void forget_stored(void)
{
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		for (uint64_t id = 0; id < MAX_ID; id++) {
			mem_free(stored[kind][id]);
			stored[kind][id] = NULL;
		}
	}
}

/* False: it refers to one of its kind that is not there yet. */
static bool load_one(struct model *again, const struct object *object)
{
	enum kind kind = object_kind(object);
	union value values[KIND_MAX_FIELDS];
	struct err err;

	memcpy(values, object_values(object),
	       kinds[kind].n_fields * sizeof(*values));
	for (unsigned f = 0; f < kinds[kind].n_fields; f++) {
		const struct field *field = &kinds[kind].fields[f];

		if (field->type != FIELD_REF || !values[f].object)
			continue;
		values[f].object = model_find(again, field->to,
		                              object_id(values[f].object));
		if (!values[f].object)
			return false;
	}
	if (model_load(again, kind, object_id(object), values, &err) < 0)
		fail_msg("%s", err.message);
	return true;
}

/* Refs are found again by id, and those that are referred to come first, as a
 * store does it. */
static struct model *loaded_again(void)
{
	struct model *again = model_new(99);

	for (unsigned i = 0; i < N_KINDS; i++) {
		enum kind kind = (enum kind)i;
		uint32_t n = 0;

		while (n < model_count(model, kind)) {
			uint32_t before = n;

			MODEL_FOR_EACH(object, model, kind)
			{
				if (!model_find(again, kind, object_id(object)))
					n += load_one(again, object);
			}
			assert_true(n > before);
		}
		model_load_next_id(again, kind, model_next_id(model, kind));
	}
	return again;
}

/* --- tests ---------------------------------------------------------------- */

static void test_random(void **state)
{
	size_t n_kept = 0;

	rng.state = 42;
	model = model_new(1);
	for (int i = 0; i < N_TX; i++) {
		char *before = dump(model);
		struct model_tx *tx = model_begin(model, KIT_NOW + i);
		bool keep = rng_below(&rng, 3) > 0;

		for (uint64_t n = rng_below(&rng, N_EDITS); n > 0; n--)
			assert_int_equal(random_edit(tx), 0);
		kit_check(model);
		if (keep) {
			store_records(tx);
			model_commit(tx);
			assert_stored();
			n_kept++;
		} else {
			char *after;

			model_rollback(tx);
			after = dump(model);
			assert_string_equal(before, after);
			mem_free(after);
		}
		kit_check(model);
		mem_free(before);
	}
	assert_true(n_kept > 100);
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		if (model_next_id(model, (enum kind)kind) < 5)
			fail_msg("too few of %s were made", kinds[kind].name);
	}
	forget_stored();
	model_free(model);
}

static void test_loaded_again(void **state)
{
	rng.state = 7;
	model = model_new(1);
	for (int i = 0; i < 100; i++) {
		struct model_tx *tx = model_begin(model, KIT_NOW + i);
		struct model *again;
		char *a, *b;

		for (int n = 0; n < N_EDITS; n++)
			assert_int_equal(random_edit(tx), 0);
		model_commit(tx);
		again = loaded_again();
		a = dump(model);
		b = dump(again);
		assert_string_equal(a, b);
		kit_check(again);
		mem_free(a);
		mem_free(b);
		model_free(again);
	}
	model_free(model);
}

/* --- memory runs out ------------------------------------------------------ */

/* An edit that fails has done nothing; but for a deletion, which is undone
 * with all. */
static int scenario(void)
{
	struct model_tx *tx;
	int rc = 0, failed = 0;

	rng.state = 5;
	model = model_new(1);
	if (!model)
		return -ENOMEM;
	for (int i = 0; i < 6; i++) {
		tx = model_begin(model, KIT_NOW);
		if (!tx) {
			failed = -ENOMEM;
			break;
		}
		rc = 0;
		for (int n = 0; n < 25 && rc == 0; n++)
			rc = random_edit(tx);
		if (rc == 0 && i % 3 != 2)
			model_commit(tx);
		else
			model_rollback(tx);
		failed = rc ? rc : failed;
		kit_check(model);
	}
	model_free(model);
	return failed;
}

static void test_no_memory(void **state)
{
	size_t n_failed = 0;
	size_t n;

	faults_install_mem();
	faults_count();
	assert_int_equal(scenario(), 0);
	n = faults_end();
	assert_true(n > 200);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		n_failed += scenario() == -ENOMEM;
		(void)faults_end();
	}
	assert_int_equal(n_failed, n);
}

/* Of each edit by itself, the model before and after is the same. */
static void test_no_memory_is_undone(void **state)
{
	faults_install_mem();
	rng.state = 11;
	model = model_new(1);
	for (int i = 0; i < 150; i++) {
		struct model_tx *tx = model_begin(model, KIT_NOW);
		uint64_t seed = rng.state;
		char *before = dump(model);
		int rc = -ENOMEM;

		for (size_t k = 1; rc == -ENOMEM; k++) {
			char *after;

			rng.state = seed;
			faults_fail(k);
			rc = random_edit(tx);
			faults_count(); /* no more of them */
			if (rc == 0)
				break;
			model_rollback(tx);
			after = dump(model);
			assert_string_equal(before, after);
			mem_free(after);
			kit_check(model);
			tx = model_begin(model, KIT_NOW);
		}
		mem_free(before);
		model_commit(tx);
	}
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_loaded_again),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_memory_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
